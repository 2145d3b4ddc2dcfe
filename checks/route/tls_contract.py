"""The TLS that one side of a hop speaks and the other expects (domain.md 5.2.7, 5.2.9)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from checks.facts.istio import DestinationRule
from checks.facts.view import Facts
from checks.route.carried import Configuration
from checks.route.clients import Clients
from checks.route.destination_rules import Effective, Tls, effective, elsewhere
from checks.route.gateway_hop import Exit
from checks.route.gateways import BoundServer, ServerClass
from checks.route.hosts import covers
from checks.route.passage import Crossing, Passage


class TlsFault(StrEnum):
    """What does not fit on a hop."""

    NOT_TO_PLAIN = "sidecars speak TLS, the server plain text"  # B15
    TLS_MISSING = "the server expects the mesh's TLS, sidecars speak plain text"  # B15, B20
    WRONG_MODE = "the server expects another TLS mode"  # B15
    DOUBLE_AT_SIDECAR = "sidecars wrap the application's TLS in their own"  # B21
    NO_SNI = "the server is chosen by SNI, and sidecars send none that it knows"  # B16
    PLAIN_TO_TLS = "the gateway speaks plain text to a TLS port"  # B17, B19, B20, B35
    TLS_TO_PLAIN = "the gateway speaks TLS to a plain text port"  # B18
    MESH_TLS_OUTSIDE = "the gateway speaks the mesh's own TLS to the outside"
    DOUBLE_AT_GATEWAY = "the gateway wraps the application's TLS in its own"  # B21
    UNVERIFIED = "the destination's certificate is not verified"
    CREDENTIAL_AT_SIDECARS = "sidecars get a credential that they cannot fetch"
    MERGED_AWAY = "of several DestinationRules only the oldest counts"  # B32


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
