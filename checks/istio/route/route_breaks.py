"""What a broken route means in words: the sentence, and what the application sees (domain.md 5.3)."""

from dataclasses import dataclass

from checks.istio.route.breaks import Fault


@dataclass(frozen=True, slots=True)
class Meaning:
    """`sentence` is a format string over {route}, {host}, {rule}, {destination}, {gateway}, {service}, {server}, {port},
    {text}, {kind}, {wanted} and {others}; `seen` is what becomes of requests; `fix` titles the change."""

    sentence: str
    seen: str
    fix: str


MEANINGS: dict[Fault, Meaning] = {
    Fault.NO_ROUTE: Meaning(
        "No VirtualService sends {host} from sidecars to {gateway}",
        "requests go past the gateway, or get 502 where no ServiceEntry is seen",
        "Send {host} through the gateway",
    ),
    Fault.NOT_MESH: Meaning(
        "{route} does not list mesh among its gateways, so sidecars do not send {host} to {gateway}",
        "requests go past the gateway, or get 502 where no ServiceEntry is seen",
        "Let {route} hold for sidecars, too",
    ),
    Fault.NOT_SEEN_BY_CLIENTS: Meaning(
        "{route} for {host} is not exported",
        "requests go past the gateway, or get 502 where no ServiceEntry is seen",
        "Export {route} to the clients",
    ),
    Fault.NOT_DISCOVERED: Meaning(
        "{route} for {host} lies in a namespace that istiod does not look at",
        "requests go past the gateway, or get 502 where no ServiceEntry is seen",
        "Let istiod look at the namespace",
    ),
    Fault.NO_MESH_RULE: Meaning(
        "No rule of {route} holds for sidecars that send to {host}",
        "requests go past the gateway, or get 502 where no ServiceEntry is seen",
        "Add the rule for sidecars",
    ),
    Fault.ELSEWHERE: Meaning(
        "{rule} of {route} sends {host} from sidecars to {destination} and not to {gateway}",
        "requests arrive from another address",
        "Send {host} through the gateway first",
    ),
    Fault.WRONG_NAME: Meaning(
        "{rule} of {route} sends {host} to {destination}, a name that the mesh does not have",
        "requests get 503 (NC)",
        "Give the destination its full name",
    ),
    Fault.WRONG_PORT: Meaning(
        "{rule} of {route} sends {host} to port {port} of {service}, which offers {text}",
        "requests get 503 (NC)",
        "Send to a port that the Service has",
    ),
    Fault.NO_SUBSET: Meaning(
        "{rule} of {route} sends {host} to subset {text} of {service}, which no DestinationRule that counts there defines",
        "requests get 503 (NC)",
        "Define the subset",
    ),
    Fault.WRONG_PROTOCOL: Meaning(
        "{rule} of {route} needs port {port} of {host} as {wanted}, but {text}",
        "no route takes such connections",
        "Declare the port as {wanted}",
    ),
    Fault.NO_SERVER: Meaning(
        "No server of {gateway} takes {host} on port {port}, to which {route} sends it",
        "requests get 404 (NR), or are refused",
        "Open the port for {host}",
    ),
    Fault.WRONG_KIND: Meaning(
        "{server} asks only {wanted} rules, but those of {route} for {host} are of another kind",
        "requests get 404 (NR), or are cut",
        "Write the rules as {wanted}",
    ),
    Fault.NO_SUCH_GATEWAY: Meaning(
        "{route} names Gateway {text}, which does not exist",
        "requests get 404 (NR)",
        "Name the Gateway that takes {host}",
    ),
    Fault.NOT_BOUND: Meaning(
        "{route} does not name {server} among its gateways, so the gateway has no rule for {host}",
        "requests get 404 (NR)",
        "Bind {route} to the Gateway",
    ),
    Fault.NO_OVERLAP: Meaning(
        "{server} and {route} have no host in common for {host}",
        "requests get 404 (NR)",
        "Add {host} to the Gateway's server",
    ),
    Fault.NOT_SEEN_BY_GATEWAY: Meaning(
        "{route} for {host} is not exported to the namespace of {gateway}",
        "requests get 404 (NR)",
        "Export {route} to the gateway's namespace",
    ),
    Fault.NO_GATEWAY_RULE: Meaning(
        "No rule of {route} holds for {host} at {server}",
        "requests get 404 (NR)",
        "Add the rule for the gateway",
    ),
    Fault.LOOP: Meaning(
        "{rule} of {route} holds at the gateway, too, so {gateway} sends {host} to itself",
        "requests get 503, or time out",
        "Keep the rule to sidecars",
    ),
    Fault.UNKNOWN_DESTINATION: Meaning(
        "{rule} of {route} sends {host} from the gateway to {destination}, which no ServiceEntry there declares",
        "requests get 503 (NC)",
        "Make the destination known",
    ),
    Fault.NO_DESTINATION_PORT: Meaning(
        "{rule} of {route} sends {host} from the gateway to port {port} of {destination}, which {text} does not have",
        "requests get 503 (NC)",
        "Declare port {port} of {destination}",
    ),
    Fault.DUPLICATE: Meaning(
        "{others} for {host} has no effect: {route} is older",
        "",
        "Keep one VirtualService for the host",
    ),
    Fault.ANY_PORT: Meaning(
        "{rule} of {route} names no port and takes every port of {host}",
        "",
        "Give the rule its port",
    ),
    Fault.PORT_OMITTED: Meaning(
        "{rule} of {route} sends to {destination}, which has several ports, without naming one",
        "",
        "Name the port",
    ),
    Fault.PARTLY_ELSEWHERE: Meaning(
        "{rule} of {route} sends a part of the requests for {host} to {destination}, past {gateway}",
        "",
        "Send all of them through the gateway",
    ),
    Fault.UNUSED_SERVER: Meaning(
        "Nothing sends {host} to {server} on port {port}, which waits for it",
        "",
        "Route the port, or take the server away",
    ),
}
