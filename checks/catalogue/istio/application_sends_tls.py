"""EG512."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from checks.engine.check import Because, check
from checks.facts.istio_networking import ROOT_NAMESPACE, DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.label_selectors import selects
from checks.facts.logs import ProxyLog
from checks.facts.view import Facts
from checks.istio.route.carried import about, configuration, judged, nothing_configured
from checks.istio.route.corrections import Edit, Merge, pointer, show
from checks.istio.route.destination_rules import Tls
from checks.istio.route.gateway_hop import Exit
from checks.istio.route.gateways import ServerClass
from checks.istio.route.passage import ROUTE_READS, Passage, passage
from checks.istio.route.rules import Rule
from checks.istio.route.tls_contract import DirectTls, direct_tls, originates
from checks.istio.route.visibility import settle
from checks.model.commands import ISTIO_TLSO, TSG, change, look, quoted
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn
from checks.model.question import split_host
from checks.model.raw_values import items, mapping, text

HTTPS_PORT = 443

REQUEST_FIELDS = ("methods", "notMethods", "paths", "notPaths", "hosts", "notHosts")
"""What a policy can only see where the gateway sees requests."""


@check(
    code="EG512",
    title="Applications send TLS where the gateway is set up for plain requests",
    severity=Severity.BLOCKS,
    hop="workload",
    article=("IST-6",),
    reads=(*ROUTE_READS, ProxyLog, AuthorizationPolicy),
    explains={
        "tls-contract-broken": Because("TLS that the application sends is wrapped in TLS once more", share="host"),
    },
)
def application_sends_tls(facts: Facts) -> Iterator[Observation]:
    """What it checks: hosts whose TLS the gateway originates. It fails where a `tls` rule brings the application's own TLS
    into that way, which is TLS in TLS, and where the gateway passes TLS through although an authorization policy asks for
    methods, paths or hosts, which it cannot see. It warns where https:// calls are seen: in the gateway's access log, or
    because port 443 was asked about. The documented origination, redirecting port 80 alone, passes: https:// calls then go
    round the gateway. Otherwise there is nothing to look at.

    Why it matters: where the gateway originates TLS, applications must call http://; their https:// calls fail, or leave by
    another address.

    What usually fixes it: call http:// in the application, or pass TLS through.

    Source: article IST-6; Istio's page on egress TLS origination. What applications send is not visible in objects."""
    for kind in (VirtualService, DestinationRule, ServiceEntry, Gateway):
        facts.all(kind)
    hosts = judged(facts)
    ways = [passage(facts, host) for host in hosts]
    seen = [each for way in ways for each in _judge(facts, way)]
    yield from seen
    settle(facts)
    if any(_passes(way) for way in ways):
        facts.in_namespace(AuthorizationPolicy, facts.gateway.namespace)
    if seen:
        return
    designed = [way for way in ways if _origination(facts, way)]
    if designed:
        yield healthy(
            f"Applications are to call http://{designed[0].host}, and objects show nothing else.",
            evidence=[_round(way) for way in designed[:10]],
        )
    elif hosts:
        yield skip(f"Egress gateway {facts.gateway} originates no TLS: what applications send passes as it is.")
    else:
        yield skip(nothing_configured(facts))


def _round(way: Passage) -> Evidence:
    return Evidence(
        f"host {way.host}",
        "port 443",
        "https:// calls go round the gateway",
        f"applications call http://{way.host}",
    )


def _origination(facts: Facts, way: Passage) -> Exit | None:
    """The way out on which the gateway originates TLS for requests that it sees."""
    found = configuration(facts)
    return next((each for each in way.exits if originates(facts, found, each)), None)


def _passes(way: Passage) -> bool:
    return any(each.server.kind is ServerClass.PASSTHROUGH for each in way.exits)


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """A rule by which TLS of applications comes to where TLS is spoken once more."""

    rule: Rule
    name: str
    tls: Tls


def _wrapped(facts: Facts, way: Passage) -> _Wrapped | None:
    """TLS in TLS, by a `tls` rule for sidecars: at the gateway, or straight at the sidecars."""
    found = configuration(facts)
    own = next((c.arrival for c in way.crossings if c.arrival.kind == "tls"), None)
    if own is not None:
        for leaving in way.exits:
            if (tls := originates(facts, found, leaving)) is not None:
                return _Wrapped(own.rule, leaving.destination.host, tls)
    for direct in direct_tls(facts, found, way):
        if direct.tls is not None:
            return _Wrapped(direct.rule, direct.destination.host, direct.tls)
    return None


def _judge(facts: Facts, way: Passage) -> Iterator[Observation]:
    passing = any(crossing.arrival.kind == "tls" for crossing in way.crossings)
    wrapped = _wrapped(facts, way)
    if wrapped is not None:
        yield _double(way, wrapped)
    elif not passing and way.exits and (_origination(facts, way) is not None or _asked_443(facts)):
        yield from _calls(facts, way)
    if _passes(way):
        yield from _blind_policies(facts, way)


def _asked_443(facts: Facts) -> bool:
    return bool(facts.question.host) and split_host(facts.question.host or "")[1] == HTTPS_PORT


def _double(way: Passage, wrapped: _Wrapped) -> Observation:
    rule, tls = wrapped.rule, wrapped.tls
    edit = Edit(tls.rule, ({"op": "remove", "path": pointer(tls.path)},))
    drop = Edit(rule.route, ({"op": "remove", "path": pointer(rule.path)},))
    choices = (
        change(f"Call http://{way.host} in the application, and take the tls rule away", drop.command, ISTIO_TLSO),
        change("Let applications keep https://, and originate no TLS for them", edit.command, TSG),
    )
    return fail(
        f"{rule.path} of {rule.route.ref} takes TLS that applications send to {way.host}, and {tls.rule.ref} wraps it in "
        "TLS once more.",
        subject=f"host {way.host}",
        evidence=[
            Evidence(rule.route.ref, rule.path, f"takes TLS of sidecars for {way.host}", "http rules for port 80"),
            Evidence(tls.rule.ref, tls.path, tls.mode, "(none), where applications send TLS"),
        ],
        actions=[show(rule.route), *(choices if rule.route.http else reversed(choices))],
        about=about({way.host, wrapped.name}),
    )


def _calls(facts: Facts, way: Passage) -> Iterator[Observation]:
    """https:// calls that were seen, or asked about."""
    lines = _tls_lines(facts, way.host)
    direct = direct_tls(facts, configuration(facts), way)
    if not lines and not direct and not _asked_443(facts):
        return
    leaving = way.exits[0]
    shown = [Evidence(ref, "access log", line) for ref, line in lines[:3]]
    asked = [Evidence(f"host {way.host}", "port asked about", str(HTTPS_PORT), "80")] if _asked_443(facts) else []
    yield warn(
        f"https://{way.host} does not take the way through {facts.gateway.ref}, which is set up for http://{way.host}: "
        "such calls go round it.",
        subject=f"host {way.host}",
        evidence=[
            *shown,
            *asked,
            *_ways_round(direct),
            Evidence(leaving.rule.route.ref, leaving.rule.path, f"port {leaving.server.port} only"),
        ],
        actions=[
            show(leaving.rule.route),
            _plain_way(facts, way.host),
            change(_instead(facts, way), "", TSG),
        ],
        about=about({way.host}),
    )


def _instead(facts: Facts, way: Passage) -> str:
    if _origination(facts, way) is not None:
        return f"Call http://{way.host} in the application; the gateway speaks TLS to it"
    return f"Call http://{way.host} in the application, or let port 443 of it pass through the gateway as TLS, too"


def _plain_way(facts: Facts, host: str) -> Action:
    """The way that plain requests to the host take."""
    command = quoted("egress-diag", "diagnose", facts.cluster.name, str(facts.gateway), "--host", f"{host}:80")
    return look(f"See the way that http://{host} takes", command, ISTIO_TLSO)


def _ways_round(direct: tuple[DirectTls, ...]) -> list[Evidence]:
    found = {(d.rule.route.ref, d.destination.path): d for d in direct}
    return [Evidence(ref, f"{path}.host", d.destination.written, "the gateway") for (ref, path), d in found.items()]


def _tls_lines(facts: Facts, host: str) -> list[tuple[str, str]]:
    """Access log lines of opaque TLS connections (no method, no path) with the host as SNI."""
    sni = re.compile(rf'"- - -".*(?<![\w.|-]){re.escape(host.removeprefix("*"))}(?![\w.-])')
    return [
        (log.ref, line.message)
        for log in facts.readable(ProxyLog, facts.gateway.namespace)
        for line in log.matching(sni)
    ]


def _blind_policies(facts: Facts, way: Passage) -> Iterator[Observation]:
    """ALLOW policies for the gateway that ask for what TLS hides: they match nothing, and so deny everything."""
    labels = configuration(facts).labels
    namespaces = dict.fromkeys((facts.gateway.namespace, ROOT_NAMESPACE))
    for policy in (p for ns in namespaces for p in facts.readable(AuthorizationPolicy, ns)):
        if policy.action != "ALLOW" or policy.target_refs or not any(selects(policy.selector, each) for each in labels):
            continue
        rules = [rule for rule in policy.rules if _asks(rule)]
        if rules and len(rules) == len(policy.rules):
            yield fail(
                f"{policy.ref} asks for methods, paths or hosts of requests to {way.host}, which the gateway cannot see in "
                "TLS that it passes through.",
                subject=f"host {way.host}",
                evidence=[Evidence(policy.ref, "spec.rules", ", ".join(_asks(rules[0])), "ports, namespaces or SNI")],
                actions=[show(policy), _by_sni(policy, way.host)],
                about=about({way.host}),
            )


def _asks(rule: object) -> list[str]:
    fields = [k for to in items(rule, "to") for k in REQUEST_FIELDS if mapping(to, "operation").get(k)]
    return fields + [
        text(when, "key") for when in items(rule, "when") if text(when, "key").startswith("request.headers")
    ]


def _by_sni(policy: AuthorizationPolicy, host: str) -> Action:
    merge = Merge(policy, {"spec": {"rules": [{"when": [{"key": "connection.sni", "values": [host]}]}]}})
    return change("Allow the host by its SNI instead", merge.command, TSG)
