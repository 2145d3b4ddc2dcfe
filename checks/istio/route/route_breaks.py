"""The sentence, the consequence and the fix of each fault of a route (docs/domain/istio.md#breakages)."""

from dataclasses import dataclass

from checks.istio.route.breaks import Fault


@dataclass(frozen=True, slots=True)
class Meaning:
    """`sentence` is a format string over {route}, {host}, {rule}, {destination}, {gateway}, {service}, {server}, {port},
    {text}, {kind}, {wanted} and {others}; `seen` is the consequence for requests; `fix` is the title of the action."""

    sentence: str
    seen: str
    fix: str


MEANINGS: dict[Fault, Meaning] = {
    Fault.NO_ROUTE: Meaning(
        "No VirtualService routes {host} from sidecars to {gateway}",
        "requests bypass the gateway, or get 502 if no ServiceEntry is visible",
        "Route {host} through the gateway",
    ),
    Fault.NOT_MESH: Meaning(
        "{route} does not list mesh in its gateways, so sidecars do not route {host} to {gateway}",
        "requests bypass the gateway, or get 502 if no ServiceEntry is visible",
        "Patch {route} to apply to sidecars",
    ),
    Fault.NOT_SEEN_BY_CLIENTS: Meaning(
        "{route} for {host} is not exported",
        "requests bypass the gateway, or get 502 if no ServiceEntry is visible",
        "Export {route} to the clients",
    ),
    Fault.NOT_DISCOVERED: Meaning(
        "Istiod does not discover the namespace of {route}, which routes {host}",
        "requests bypass the gateway, or get 502 if no ServiceEntry is visible",
        "Make istiod discover the namespace",
    ),
    Fault.NO_MESH_RULE: Meaning(
        "No rule of {route} matches requests from sidecars to {host}",
        "requests bypass the gateway, or get 502 if no ServiceEntry is visible",
        "Add a rule for sidecars",
    ),
    Fault.ELSEWHERE: Meaning(
        "{rule} of {route} routes {host} from sidecars to {destination} instead of {gateway}",
        "requests leave from another address",
        "Route {host} through the gateway first",
    ),
    Fault.WRONG_NAME: Meaning(
        "{rule} of {route} routes {host} to {destination}, which does not exist in the mesh",
        "requests get 503 (NC)",
        "Patch the destination to its full name",
    ),
    Fault.WRONG_PORT: Meaning(
        "{rule} of {route} routes {host} to port {port} of {service}, which has {text}",
        "requests get 503 (NC)",
        "Patch the port to one that the Service has",
    ),
    Fault.NO_SUBSET: Meaning(
        "{rule} of {route} routes {host} to subset {text} of {service}, which no DestinationRule that applies defines",
        "requests get 503 (NC)",
        "Define the subset",
    ),
    Fault.WRONG_PROTOCOL: Meaning(
        "{rule} of {route} needs port {port} of {host} as {wanted}, but {text}",
        "no route matches such connections",
        "Declare the port as {wanted}",
    ),
    Fault.NO_SERVER: Meaning(
        "No server of {gateway} has {host} on port {port}, to which {route} routes it",
        "requests get 404 (NR), or connections are refused",
        "Open the port for {host}",
    ),
    Fault.WRONG_KIND: Meaning(
        "{server} uses only {wanted} rules, but {route} has none for {host}",
        "requests get 404 (NR), or connections are closed",
        "Rewrite the rules as {wanted} rules",
    ),
    Fault.NO_SUCH_GATEWAY: Meaning(
        "{route} names Gateway {text}, which does not exist",
        "requests get 404 (NR)",
        "Patch {route} to name the Gateway that has {host}",
    ),
    Fault.NOT_BOUND: Meaning(
        "{route} does not list {server} in its gateways, so the gateway has no rule for {host}",
        "requests get 404 (NR)",
        "Bind {route} to the Gateway",
    ),
    Fault.NO_OVERLAP: Meaning(
        "{server} and {route} have no common host for {host}",
        "requests get 404 (NR)",
        "Add {host} to the Gateway's server",
    ),
    Fault.NOT_SEEN_BY_GATEWAY: Meaning(
        "{route} for {host} is not exported to the namespace of {gateway}",
        "requests get 404 (NR)",
        "Export {route} to the gateway's namespace",
    ),
    Fault.NO_GATEWAY_RULE: Meaning(
        "No rule of {route} matches {host} at {server}",
        "requests get 404 (NR)",
        "Add a rule for the gateway",
    ),
    Fault.LOOP: Meaning(
        "{rule} of {route} also matches at the gateway, so {gateway} sends {host} to itself",
        "requests get 503 or time out",
        "Limit the rule to sidecars",
    ),
    Fault.UNKNOWN_DESTINATION: Meaning(
        "{rule} of {route} routes {host} from the gateway to {destination}, which no visible ServiceEntry declares",
        "requests get 503 (NC)",
        "Declare the destination",
    ),
    Fault.NO_DESTINATION_PORT: Meaning(
        "{rule} of {route} routes {host} from the gateway to port {port} of {destination}, which {text} does not have",
        "requests get 503 (NC)",
        "Declare port {port} of {destination}",
    ),
    Fault.DUPLICATE: Meaning(
        "{others} for {host} has no effect: {route} is older",
        "",
        "Keep only one VirtualService for the host",
    ),
    Fault.ANY_PORT: Meaning(
        "{rule} of {route} names no port and matches every port of {host}",
        "",
        "Add the port to the rule",
    ),
    Fault.PORT_OMITTED: Meaning(
        "{rule} of {route} names no port of {destination}, which has several",
        "",
        "Add the port to the destination",
    ),
    Fault.PARTLY_ELSEWHERE: Meaning(
        "{rule} of {route} routes part of the requests for {host} to {destination}, bypassing {gateway}",
        "",
        "Route all of them through the gateway",
    ),
    Fault.UNUSED_SERVER: Meaning(
        "No route sends {host} to {server} on port {port}",
        "",
        "Route the port, or remove the server",
    ),
}
