"""EG510."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.view import Facts
from checks.istio.route.carried import Configuration, about, configuration, judged, nothing_configured
from checks.istio.route.corrections import listed, show, written
from checks.istio.route.passage import ROUTE_READS, passage
from checks.istio.route.tls_breaks import MEANINGS
from checks.istio.route.tls_contract import TlsBreak, TlsFault, hops
from checks.istio.route.tls_repairs import repair
from checks.istio.route.visibility import settle
from checks.model.commands import ISTIO_EGW, ISTIO_TLSO, change, look
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn


@check(
    code="EG510",
    title="The two sides of a hop do not speak the same TLS",
    severity=Severity.BLOCKS,
    article=("IST-5", "IST-6"),
    reads=ROUTE_READS,
)
def tls_contract_broken(facts: Facts) -> Iterator[Observation]:
    """What it checks: for each host, the DestinationRule that counts at sidecars for the gateway's Service against the
    Gateway's server, and the one that counts at the gateway for the destination against the destination's port. Looked up
    as istiod does: the proxy's own namespace, then the host's, then the root namespace; oldest first; settings of a port
    replace those above them. It warns of insecureSkipVerify, of a credential that also reaches sidecars, and of rules of
    which only the oldest counts.

    Why it matters: gateways get no automatic mesh TLS. Plain text into TLS, TLS into plain text and TLS in TLS all end in
    503, 400 or reset connections.

    What usually fixes it: the `tls` block that the finding names, on the side that lacks it or has it too much.

    Source: article IST-5 and IST-6; Istio's pages on egress TLS origination; domain.md 5.2.7 to 5.2.9."""
    for kind in (Gateway, VirtualService, DestinationRule, ServiceEntry):
        facts.all(kind)
    found = configuration(facts)
    ways = [passage(facts, host) for host in judged(facts)]
    broken = [each for way in ways for each in hops(facts, found, way)]
    for each in broken:
        yield _told(facts, found, each)
    settle(facts)
    if broken:
        return
    if not ways:
        yield skip(nothing_configured(facts))
    elif not any(way.crossings or way.exits for way in ways):
        yield skip("No host gets as far as a hop to compare (virtual-service-route-broken).")
    else:
        yield healthy(f"Both sides speak the same on each hop through {facts.gateway.ref}.")


def _rule(broken: TlsBreak) -> str:
    """The setting that decides, in words."""
    if broken.tls is not None:
        return f"{broken.tls.path} of {broken.tls.rule.ref}"
    if broken.used is None:
        return "no DestinationRule"
    dropped = broken.used.dropped(broken.port, broken.subset)
    if dropped:
        return f"{dropped} of {broken.used.policy[0].ref}, which replaces the tls above it,"
    return broken.used.rules[0].ref


def _sentence(facts: Facts, broken: TlsBreak) -> str:
    meaning, server, tls, rule = MEANINGS[broken.fault], broken.server, broken.tls, _rule(broken)
    said = meaning.sentence.format(
        host=broken.host,
        name=broken.name,
        port=broken.port,
        server=f"{server.path} of {server.gateway.ref}" if server else "the server",
        mode=tls.mode if tls else "none",
        wanted=server.server.tls_mode if server else "TLS",
        sni=(tls.sni if tls else "") or "none",
        rule=rule,
        plain=f"{rule} lets sidecars speak plain text"
        if broken.used
        else "without a DestinationRule sidecars speak plain text",
        unset=f"{rule} sets no TLS there" if broken.used else "no DestinationRule that counts there sets TLS",
        gateway=facts.gateway.ref,
    )
    said = said[:1].upper() + said[1:] if said.startswith(facts.gateway.ref) else said
    if broken.clients:
        said += f" for clients in {' and in '.join(str(each) for each in broken.clients[:3])}"
    return f"{said}: {meaning.seen}." if meaning.seen else f"{said}."


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
        first = Evidence("destinationrules.networking.istio.io", "spec.host", "(none that counts)", broken.name)
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
        rule.ref, "spec.exportTo", written(rule.export_to), "not used: in another namespace, or not exported"
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
            return "on a TLS port only"
        case TlsFault.UNVERIFIED:
            return "without insecureSkipVerify"
        case TlsFault.CREDENTIAL_AT_SIDECARS:
            return "exportTo ."
        case TlsFault.MERGED_AWAY:
            return "one rule"


def _told(facts: Facts, found: Configuration, broken: TlsBreak) -> Observation:
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
    looks = [show(each) for each in shown[:3]] or [look("All DestinationRules", listed(DestinationRule))]
    expect = "new connections get through within seconds"
    changes = [change(title, each.command, url, expect) for each in repair(facts, found, broken)]
    return [*looks, *(changes or [change(title, "", url)])]
