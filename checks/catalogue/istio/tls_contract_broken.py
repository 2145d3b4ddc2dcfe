"""EG510: the TLS settings of the two sides of a hop do not match."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.view import Facts
from checks.istio.faults.requested import ROUTER_READS, decided_by_router
from checks.istio.route.carried import Configuration, about, configuration, judged, nothing_configured
from checks.istio.route.corrections import listed, show, written
from checks.istio.route.passage import ROUTE_READS, passage
from checks.istio.route.tls_breaks import MEANINGS
from checks.istio.route.tls_contract import TlsBreak, TlsFault, hops
from checks.istio.route.tls_repairs import repair
from checks.istio.route.visibility import settle
from checks.model.commands import ISTIO_EGW, ISTIO_TLSO, change, inspect
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn


@check(
    code="EG510",
    title="TLS settings do not match on a hop through the gateway",
    severity=Severity.BLOCKS,
    article=("IST-5", "IST-6"),
    reads=tuple(dict.fromkeys((*ROUTE_READS, *ROUTER_READS))),
)
@decided_by_router("tls-contract-broken")
def tls_contract_broken(facts: Facts) -> Iterator[Observation]:
    """What it checks: for each host, the DestinationRule that applies at sidecars for the gateway's Service against the
    Gateway's server, and the one that applies at the gateway for the destination against the destination's port. The lookup
    is istiod's: the proxy's own namespace, the host's, the root namespace; oldest first; settings of a port replace those
    of the whole rule. It warns about insecureSkipVerify, about a credential that also reaches sidecars, and about several
    rules of which only the oldest applies.

    Why it matters: gateways get no automatic mutual TLS. Plain text to a TLS port, TLS to a plain text port and TLS in TLS
    get 503, 400 or a reset connection.

    What usually fixes it: the `tls` block that the finding names: added on the side that lacks it, or removed.

    Source: article IST-5 and IST-6; Istio's pages on egress TLS origination; docs/domain/istio.md#tls-contract;
    docs/domain/istio.md#tls-origination."""
    for kind in (Gateway, VirtualService, DestinationRule, ServiceEntry):
        facts.all(kind)
    found = configuration(facts)
    paths = [passage(facts, host) for host in judged(facts)]
    broken = [each for path in paths for each in hops(facts, found, path)]
    for each in broken:
        yield _finding(facts, found, each)
    settle(facts)
    if broken:
        return
    if not paths:
        yield skip(nothing_configured(facts))
    elif not any(path.crossings or path.exits for path in paths):
        yield skip("No host is routed through a hop to compare (virtual-service-route-broken).")
    else:
        yield healthy(f"TLS settings match on every hop through {facts.gateway.ref}.")


def _rule(broken: TlsBreak) -> str:
    """The deciding setting, as part of a sentence."""
    if broken.tls is not None:
        return f"{broken.tls.path} of {broken.tls.rule.ref}"
    if broken.used is None:
        return "no DestinationRule"
    dropped = broken.used.dropped(broken.port, broken.subset)
    if dropped:
        return f"{dropped} of {broken.used.policy[0].ref}, which replaces the tls of the whole rule,"
    return broken.used.rules[0].ref


def _sentence(facts: Facts, broken: TlsBreak) -> str:
    meaning, server, tls, rule = MEANINGS[broken.fault], broken.server, broken.tls, _rule(broken)
    sentence = meaning.sentence.format(
        host=broken.host,
        name=broken.name,
        port=broken.port,
        server=f"{server.path} of {server.gateway.ref}" if server else "the server",
        mode=tls.mode if tls else "none",
        wanted=server.server.tls_mode if server else "TLS",
        sni=(tls.sni if tls else "") or "none",
        rule=rule,
        plain=f"{rule} makes sidecars send plain text"
        if broken.used
        else "without a DestinationRule sidecars send plain text",
        unset=f"{rule} sets no TLS" if broken.used else "no DestinationRule that applies at the gateway sets TLS",
        gateway=facts.gateway.ref,
    )
    sentence = sentence[:1].upper() + sentence[1:] if sentence.startswith(facts.gateway.ref) else sentence
    if broken.clients:
        sentence += f" for clients in {' and in '.join(str(each) for each in broken.clients[:3])}"
    return f"{sentence}: {meaning.seen}." if meaning.seen else f"{sentence}."


def _evidence(broken: TlsBreak) -> list[Evidence]:
    server, tls, used = broken.server, broken.tls, broken.used
    expected = _expected(broken)
    if tls is not None:
        observed = tls.mode + (f", sni {tls.sni}" if tls.sni else "")
        first = Evidence(tls.rule.ref, tls.path, observed, expected)
    elif used is not None:
        field = used.dropped(broken.port, broken.subset) or "spec.trafficPolicy"
        first = Evidence(used.policy[0].ref, f"{field}.tls", "(not set)", expected)
    else:
        first = Evidence("destinationrules.networking.istio.io", "spec.host", "(none that applies)", broken.name)
    found = [first]
    if server is not None and broken.leaving is None:
        found.append(Evidence(server.gateway.ref, f"{server.path}.tls.mode", server.server.tls_mode or "(none)"))
    if broken.leaving is not None:
        at = broken.leaving
        found.append(Evidence(at.rule.route.ref, f"{at.destination.path}.port.number", str(at.port)))
    found += [_left_out(each) for each in broken.others[:3]]
    if used is not None and len(used.rules) > 1:
        found += [
            Evidence(each.ref, "metadata.creationTimestamp", _created(each), "oldest first") for each in used.rules[:5]
        ]
    return found


def _left_out(rule: DestinationRule) -> Evidence:
    if rule.workload_selector:
        selector = ", ".join(f"{key}={value}" for key, value in sorted(rule.workload_selector.items()))
        return Evidence(rule.ref, "spec.workloadSelector", selector, "the proxy's labels, or none")
    return Evidence(
        rule.ref, "spec.exportTo", written(rule.export_to), "(not used: in another namespace, or not exported)"
    )


def _created(rule: DestinationRule) -> str:
    return f"{rule.created:%Y-%m-%dT%H:%M:%SZ}" if rule.created else "(unknown)"


def _expected(broken: TlsBreak) -> str:
    server = broken.server
    match broken.fault:
        case TlsFault.NOT_TO_PLAIN | TlsFault.DOUBLE_AT_SIDECAR | TlsFault.DOUBLE_AT_GATEWAY | TlsFault.DOUBLE_DIRECT:
            return "(none)"
        case TlsFault.TLS_MISSING | TlsFault.WRONG_MODE | TlsFault.NO_SNI:
            return f"{server.server.tls_mode if server else ''}, sni {broken.host}"
        case TlsFault.PLAIN_TO_TLS | TlsFault.MESH_TLS_OUTSIDE:
            return "SIMPLE or MUTUAL"
        case TlsFault.TLS_TO_PLAIN:
            return "only on a TLS port"
        case TlsFault.UNVERIFIED:
            return "without insecureSkipVerify"
        case TlsFault.CREDENTIAL_AT_SIDECARS:
            return "exportTo ."
        case TlsFault.MERGED_AWAY:
            return "one rule"


def _finding(facts: Facts, found: Configuration, broken: TlsBreak) -> Observation:
    observe = warn if broken.warns else fail
    hosts = {broken.host} | ({broken.name} if broken.leaving is not None else set())
    return observe(
        _sentence(facts, broken),
        subject=f"host {broken.host}",
        evidence=_evidence(broken),
        actions=_actions(facts, found, broken),
        about=about(hosts),
    )


def _actions(facts: Facts, found: Configuration, broken: TlsBreak) -> list[Action]:
    wanted = broken.server.server.tls_mode if broken.server else "TLS"
    title = MEANINGS[broken.fault].fix.format(wanted=wanted)
    url = ISTIO_TLSO if broken.leaving is not None else ISTIO_EGW
    shown = list(dict.fromkeys((*(broken.used.rules if broken.used else ()), *broken.others)))
    objects = [show(each) for each in shown[:3]] or [inspect("List all DestinationRules", listed(DestinationRule))]
    expect = "new connections succeed within seconds"
    changes = [change(title, each.command, url, expect) for each in repair(facts, found, broken)]
    return [*objects, *(changes or [change(title, "", url)])]
