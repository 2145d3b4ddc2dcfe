"""The TLS that one side of a hop speaks and the other expects (domain.md 5.2.7, 5.2.9)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from checks.facts.istio_networking import DestinationRule
from checks.facts.view import Facts
from checks.istio.route.carried import Configuration
from checks.istio.route.clients import Clients
from checks.istio.route.destination_rules import Effective, Tls, effective, elsewhere
from checks.istio.route.gateway_hop import Exit
from checks.istio.route.gateways import BoundServer, ServerClass
from checks.istio.route.hosts import covers, is_cluster_local
from checks.istio.route.passage import Crossing, Passage
from checks.istio.route.rules import Destination, Rule, taken
from checks.istio.route.service_entries import seen_from
from checks.istio.route.virtual_services import SIDECARS, at_sidecars


class TlsFault(StrEnum):
    """What does not fit on a hop."""

    NOT_TO_PLAIN = "sidecars send TLS, the server expects plain text"  # B15
    TLS_MISSING = "the server expects mesh mutual TLS, sidecars send plain text"  # B15, B20
    WRONG_MODE = "the server expects another TLS mode"  # B15
    DOUBLE_AT_SIDECAR = "sidecars wrap the application's TLS in TLS"  # B21
    NO_SNI = "the server is selected by SNI, and sidecars send no SNI that it lists"  # B16
    PLAIN_TO_TLS = "the gateway sends plain text to a TLS port"  # B17, B19, B20, B35
    TLS_TO_PLAIN = "the gateway sends TLS to a plain text port"  # B18
    MESH_TLS_OUTSIDE = "the gateway uses mesh mutual TLS to a destination outside the mesh"
    DOUBLE_AT_GATEWAY = "the gateway wraps the application's TLS in TLS"  # B21
    DOUBLE_DIRECT = "sidecars wrap the application's TLS, which bypasses the gateway"  # B21
    UNVERIFIED = "the destination's certificate is not verified"
    CREDENTIAL_AT_SIDECARS = "sidecars get a credential that they cannot fetch"
    MERGED_AWAY = "only the oldest of several DestinationRules applies"  # B32


WARNINGS = frozenset({TlsFault.UNVERIFIED, TlsFault.CREDENTIAL_AT_SIDECARS, TlsFault.MERGED_AWAY})


@dataclass(frozen=True, slots=True)
class TlsBreak:
    """A hop whose sides do not fit. `tls` are the settings that count, None where there are none; `used` the rules that
    count for the host `name` on `port` (subset `subset`); `others` the rules about it that do not."""

    fault: TlsFault
    host: str
    name: str
    port: int
    subset: str = ""
    server: BoundServer | None = None
    leaving: Exit | None = None
    tls: Tls | None = None
    used: Effective | None = None
    others: tuple[DestinationRule, ...] = ()
    clients: tuple[Clients, ...] = ()

    @property
    def warns(self) -> bool:
        return self.fault in WARNINGS

    @property
    def place(self) -> tuple[object, ...]:
        """The same hop does not fit for several clients when this is equal."""
        rules = tuple(each.ref for each in self.used.rules) if self.used else ()
        return (self.fault, self.name, self.port, self.subset, rules, self.tls.path if self.tls else "")


def hops(facts: Facts, found: Configuration, way: Passage) -> tuple[TlsBreak, ...]:
    """What does not fit on either hop of a host. Reads DestinationRule, and what visibility needs."""
    breaks: list[TlsBreak] = []
    for crossing in way.crossings:
        breaks.extend(_first(facts, found, way.host, crossing))
    for leaving in way.exits:
        breaks.extend(_second(facts, found, way, leaving))
    for direct in direct_tls(facts, found, way):
        if direct.tls is not None:
            where = (way.host, direct.destination.host, direct.port, direct.destination.subset, None, None)
            breaks.append(TlsBreak(TlsFault.DOUBLE_DIRECT, *where, direct.tls, direct.used, clients=(direct.clients,)))
    failing = {(each.name, each.subset) for each in breaks if not each.warns}
    groups = {clients.namespace for clients, _ in way.departures}
    merged: dict[tuple[object, ...], TlsBreak] = {}
    for each in breaks:
        if each.fault is TlsFault.MERGED_AWAY and (each.name, each.subset) in failing:
            continue
        known = merged.get(each.place, each)
        merged[each.place] = replace(known, clients=tuple(dict.fromkeys((*known.clients, *each.clients))))
    return tuple(_for_all(each, groups) for each in merged.values())


def _for_all(each: TlsBreak, groups: set[str]) -> TlsBreak:
    """Names clients only where not all of them are concerned."""
    return replace(each, clients=()) if groups <= {clients.namespace for clients in each.clients} else each


def _first(facts: Facts, found: Configuration, host: str, crossing: Crossing) -> Iterator[TlsBreak]:
    """From a sidecar to the gateway's server. Gateways get no automatic mesh TLS: the DestinationRule alone decides."""
    server, arrival = crossing.server, crossing.arrival
    if server is None or server.kind.routes != arrival.kind:
        return
    port, subset = arrival.gateway_port, arrival.destination.subset
    used = effective(facts, found.service, arrival.clients.namespace, facts.gateway.namespace, found.mesh)
    if subset and (used is None or used.subset(subset) is None):
        # There is no such cluster: requests end before any TLS (virtual-service-route-broken).
        return
    tls = used.tls(port, subset) if used else None
    fault = _mismatch(server, tls)
    others = elsewhere(facts, found.service, used)
    where = (host, found.service, port, subset, server, None, tls, used)
    if fault is not None:
        yield TlsBreak(fault, *where, others=others, clients=(arrival.clients,))
    if used is not None and _merged_away(used):
        yield TlsBreak(TlsFault.MERGED_AWAY, *where, clients=(arrival.clients,))


def _mismatch(server: BoundServer, tls: Tls | None) -> TlsFault | None:
    mode = tls.mode if tls is not None and tls.encrypts else ""
    match server.kind:
        case ServerClass.HTTP | ServerClass.TCP:
            return TlsFault.NOT_TO_PLAIN if mode else None
        case ServerClass.PASSTHROUGH:
            return TlsFault.DOUBLE_AT_SIDECAR if mode else None
        case ServerClass.HTTPS | ServerClass.TLS:
            if not mode:
                return TlsFault.TLS_MISSING
            wanted = "ISTIO_MUTUAL" if server.server.tls_mode == "ISTIO_MUTUAL" else server.server.tls_mode
            if mode != wanted and not (wanted == "OPTIONAL_MUTUAL" and mode in ("SIMPLE", "MUTUAL")):
                return TlsFault.WRONG_MODE
            sni = tls.sni if tls is not None else ""
            known = any(each.host == "*" or (sni and covers(each.host, sni)) for each in server.hosts)
            return None if known else TlsFault.NO_SNI


def _merged_away(used: Effective) -> bool:
    """Whether rules for one host say different things of which only the oldest's count: two top-level policies, or one
    subset twice. Rules with subsets of their own, one for each external host, are the documented shape."""
    policies = [each for each in used.rules if each.traffic_policy]
    names = used.subset_names
    return len(policies) > 1 or len(set(names)) < len(names)


def _second(facts: Facts, found: Configuration, way: Passage, leaving: Exit) -> Iterator[TlsBreak]:
    """From the gateway to the destination."""
    entry = leaving.entry
    if entry is None:
        return
    name, port = leaving.destination.host, leaving.port
    namespace, owner = facts.gateway.namespace, entry.entry.namespace
    used = effective(facts, name, namespace, owner, found.mesh, found.labels)
    tls = used.tls(port, leaving.destination.subset) if used else None
    where = (way.host, name, port, leaving.destination.subset, leaving.server, leaving, tls, used)
    encrypts = tls is not None and tls.encrypts
    declared = entry.port(port)
    target = (declared.target if declared else None) or port
    protocol = declared.protocol if declared else ""
    if leaving.rule.kind == "tls":
        if encrypts:
            yield TlsBreak(TlsFault.DOUBLE_AT_GATEWAY, *where)
    elif encrypts and tls is not None and tls.mode == "ISTIO_MUTUAL" and entry.entry.location == "MESH_EXTERNAL":
        yield TlsBreak(TlsFault.MESH_TLS_OUTSIDE, *where)
    elif not encrypts and leaving.rule.kind == "http" and (target == 443 or protocol in ("HTTPS", "TLS")):
        yield TlsBreak(TlsFault.PLAIN_TO_TLS, *where, others=elsewhere(facts, name, used))
    elif encrypts and target == 80 and protocol in ("HTTP", "HTTP2", "GRPC"):
        # Ruling 22: a port whose targetPort is 443 is a TLS port, whatever its number.
        yield TlsBreak(TlsFault.TLS_TO_PLAIN, *where)
    if encrypts and tls is not None:
        yield from _doubts(facts, found, way, tls, where, owner)
    if used is not None and _merged_away(used):
        yield TlsBreak(TlsFault.MERGED_AWAY, *where)


Where = tuple[str, str, int, str, BoundServer, Exit, Tls | None, Effective | None]


def _doubts(facts: Facts, found: Configuration, way: Passage, tls: Tls, where: Where, owner: str) -> Iterator[TlsBreak]:
    if tls.unverified:
        yield TlsBreak(TlsFault.UNVERIFIED, *where)
    if not tls.credential or tls.rule.workload_selector:
        return
    reached = [
        group
        for group, _ in way.departures
        if group.namespace != facts.gateway.namespace
        if (theirs := effective(facts, where[1], group.namespace, owner, found.mesh)) is not None
        if any(each is tls.rule for each in theirs.rules)
    ]
    if reached:
        yield TlsBreak(TlsFault.CREDENTIAL_AT_SIDECARS, *where, clients=tuple(reached))


@dataclass(frozen=True, slots=True)
class DirectTls:
    """A `tls` rule that takes TLS of applications from sidecars straight to a destination outside, and the TLS in which
    the DestinationRule that counts there wraps it (None: it passes as it is)."""

    clients: Clients
    rule: Rule
    destination: Destination
    port: int
    tls: Tls | None
    used: Effective | None


def direct_tls(facts: Facts, found: Configuration, way: Passage) -> tuple[DirectTls, ...]:
    """The ways of TLS for a host past the gateway that VirtualServices give. Reads VirtualService, DestinationRule."""
    listed: list[DirectTls] = []
    for group, _ in way.departures:
        asked = at_sidecars(facts, way.host, "tls", group.namespace, found.mesh)
        for rule in taken(asked.rules, "tls", SIDECARS, 443, way.host):
            for each in rule.destinations:
                if each.host == found.service or is_cluster_local(each.host):
                    continue
                entries = seen_from(facts, each.host, group.namespace, found.mesh)
                owner = entries[0].entry.namespace if entries else group.namespace
                used = effective(facts, each.host, group.namespace, owner, found.mesh)
                tls = used.tls(each.port or 443, each.subset) if used else None
                wrapping = tls if tls is not None and tls.encrypts else None
                listed.append(DirectTls(group, rule, each, each.port or 443, wrapping, used))
    return tuple(listed)


def originates(facts: Facts, found: Configuration, leaving: Exit) -> Tls | None:
    """The TLS that the gateway itself speaks to the destination on this way out, or None. Reads DestinationRule."""
    owner = leaving.entry.entry.namespace if leaving.entry is not None else facts.gateway.namespace
    name = leaving.destination.host
    used = effective(facts, name, facts.gateway.namespace, owner, found.mesh, found.labels)
    tls = used.tls(leaving.port, leaving.destination.subset) if used else None
    return tls if tls is not None and tls.encrypts else None
