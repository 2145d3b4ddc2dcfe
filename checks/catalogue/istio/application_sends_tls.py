"""EG512: applications send TLS to a host that the gateway serves in plain HTTP."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from checks.engine.check import Because, check
from checks.facts.changes import JsonPatch
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.logs import ProxyLog
from checks.facts.view import Facts
from checks.istio.faults.requested import ROUTER_READS, decided_by_router
from checks.istio.request_policies import policies_on_requests
from checks.istio.route.carried import about, configuration, judged, nothing_configured
from checks.istio.route.corrections import pointer, show
from checks.istio.route.destination_rules import Tls
from checks.istio.route.gateway_hop import Exit
from checks.istio.route.gateways import ServerClass
from checks.istio.route.passage import ROUTE_READS, Passage, passage
from checks.istio.route.rules import Rule
from checks.istio.route.tls_contract import DirectTls, direct_tls, originates
from checks.istio.route.visibility import settle
from checks.model.commands import ISTIO_TLSO, TSG, change, inspect, quoted
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn
from checks.model.requested_host import split_host

HTTPS_PORT = 443


@check(
    code="EG512",
    title="Applications send TLS, but the gateway is configured for plain HTTP",
    severity=Severity.BLOCKS,
    hop="workload",
    article=("IST-6",),
    reads=tuple(dict.fromkeys((*(*ROUTE_READS, ProxyLog, AuthorizationPolicy), *ROUTER_READS))),
    explains={
        "tls-contract-broken": Because("the application's TLS is wrapped in TLS again", share="host"),
    },
)
@decided_by_router("application-sends-tls")
def application_sends_tls(facts: Facts) -> Iterator[Observation]:
    """What it checks: hosts for which the gateway originates TLS. It fails if a `tls` rule routes the application's own
    TLS there (TLS in TLS). It also fails if the gateway passes TLS through while an authorization policy matches
    methods, paths or hosts: it cannot read them in TLS. It warns about https:// requests in the gateway's access log,
    or if the question names port 443. The documented origination, which redirects only port 80, passes: https://
    requests then bypass the gateway. Otherwise it does not apply.

    Why it matters: if the gateway originates TLS, applications must call http://. Their https:// requests fail, or
    leave from another address.

    What usually fixes it: calling http:// in the application, or TLS passthrough.

    Source: article IST-6; Istio's page on egress TLS origination. Objects do not show what applications send."""
    for kind in (VirtualService, DestinationRule, ServiceEntry, Gateway):
        facts.all(kind)
    hosts = judged(facts)
    paths = [passage(facts, host) for host in hosts]
    seen = [each for path in paths for each in _judge(facts, path)]
    yield from seen
    settle(facts)
    if any(_passes_tls_through(path) for path in paths):
        facts.in_namespace(AuthorizationPolicy, facts.gateway.namespace)
    if seen:
        return
    designed = [path for path in paths if _origination(facts, path)]
    if designed:
        yield healthy(
            f"TLS origination is configured; applications must call http://{designed[0].host}.",
            evidence=[_bypass(path) for path in designed[:10]],
        )
    elif hosts:
        yield skip(f"Egress gateway {facts.gateway} originates no TLS and forwards requests as applications send them.")
    else:
        yield skip(nothing_configured(facts))


def _bypass(path: Passage) -> Evidence:
    return Evidence(
        f"host {path.host}",
        "port 443",
        "https:// requests bypass the gateway",
        f"applications call http://{path.host}",
    )


def _origination(facts: Facts, path: Passage) -> Exit | None:
    """The gateway's rule for the host that originates TLS, if there is one."""
    found = configuration(facts)
    return next((each for each in path.exits if originates(facts, found, each)), None)


def _passes_tls_through(path: Passage) -> bool:
    return any(each.server.kind is ServerClass.PASSTHROUGH for each in path.exits)


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """A rule that sends the application's TLS to a proxy that wraps it in TLS again."""

    rule: Rule
    name: str
    tls: Tls


def _wrapped(facts: Facts, path: Passage) -> _Wrapped | None:
    """TLS in TLS because of a `tls` rule for sidecars.

    The application's TLS is wrapped at the gateway, or by the sidecars themselves.
    """
    found = configuration(facts)
    own = next((c.arrival for c in path.crossings if c.arrival.kind == "tls"), None)
    if own is not None:
        for leaving in path.exits:
            if (tls := originates(facts, found, leaving)) is not None:
                return _Wrapped(own.rule, leaving.destination.host, tls)
    for direct in direct_tls(facts, found, path):
        if direct.tls is not None:
            return _Wrapped(direct.rule, direct.destination.host, direct.tls)
    return None


def _judge(facts: Facts, path: Passage) -> Iterator[Observation]:
    passing = any(crossing.arrival.kind == "tls" for crossing in path.crossings)
    wrapped = _wrapped(facts, path)
    if wrapped is not None:
        yield _double(path, wrapped)
    elif not passing and path.exits and (_origination(facts, path) is not None or _requests_443(facts)):
        yield from _calls(facts, path)
    if _passes_tls_through(path):
        yield from policies_on_requests(facts, path)


def _requests_443(facts: Facts) -> bool:
    return bool(facts.question.host) and split_host(facts.question.host or "")[1] == HTTPS_PORT


def _double(path: Passage, wrapped: _Wrapped) -> Observation:
    rule, tls = wrapped.rule, wrapped.tls
    edit = JsonPatch(tls.rule, ({"op": "remove", "path": pointer(tls.path)},))
    drop = JsonPatch(rule.route, ({"op": "remove", "path": pointer(rule.path)},))
    choices = (
        change(
            f"Patch {rule.route.ref}: remove the tls rule; applications call http://{path.host}",
            drop.command,
            ISTIO_TLSO,
        ),
        change(f"Patch {tls.rule.ref}: originate no TLS; applications keep https://", edit.command, TSG),
    )
    return fail(
        f"TLS in TLS to {path.host}: {rule.path} of {rule.route.ref} routes the TLS of applications, and {tls.rule.ref} "
        "wraps it in TLS again.",
        subject=f"host {path.host}",
        evidence=[
            Evidence(rule.route.ref, rule.path, f"routes TLS from sidecars for {path.host}", "http rules for port 80"),
            Evidence(tls.rule.ref, tls.path, tls.mode, "(none) if applications send TLS"),
        ],
        actions=[show(rule.route), *(choices if rule.route.http else reversed(choices))],
        about=about({path.host, wrapped.name}),
    )


def _calls(facts: Facts, path: Passage) -> Iterator[Observation]:
    """A warning for https:// requests in the access log, in a rule, or in the question."""
    lines = _tls_lines(facts, path.host)
    direct = direct_tls(facts, configuration(facts), path)
    if not lines and not direct and not _requests_443(facts):
        return
    leaving = path.exits[0]
    shown = [Evidence(ref, "access log", line) for ref, line in lines[:3]]
    evidence_of_port = (
        [Evidence(f"host {path.host}", "port of the question", str(HTTPS_PORT), "80")] if _requests_443(facts) else []
    )
    yield warn(
        f"https://{path.host} does not go through {facts.gateway.ref}, which is configured for http://{path.host} only.",
        subject=f"host {path.host}",
        evidence=[
            *shown,
            *evidence_of_port,
            *_direct_rules(direct),
            Evidence(leaving.rule.route.ref, leaving.rule.path, f"port {leaving.server.port} only"),
        ],
        actions=[
            show(leaving.rule.route),
            _show_plain_route(facts, path.host),
            change(_instead(facts, path), "", TSG),
        ],
        about=about({path.host}),
    )


def _instead(facts: Facts, path: Passage) -> str:
    if _origination(facts, path) is not None:
        return f"Change the application to call http://{path.host}; the gateway originates TLS to the destination"
    return f"Change the application to call http://{path.host}, or configure TLS passthrough on port 443 too"


def _show_plain_route(facts: Facts, host: str) -> Action:
    """An action that shows the route of plain HTTP requests to the host."""
    command = quoted("egress-diag", "diagnose", facts.cluster.name, str(facts.gateway), "--host", f"{host}:80")
    return inspect(f"Show the route of http://{host}", command, ISTIO_TLSO)


def _direct_rules(direct: tuple[DirectTls, ...]) -> list[Evidence]:
    found = {(d.rule.route.ref, d.destination.path): d for d in direct}
    return [Evidence(ref, f"{path}.host", d.destination.written, "the gateway") for (ref, path), d in found.items()]


def _tls_lines(facts: Facts, host: str) -> list[tuple[str, str]]:
    """Access log lines of TLS connections without method and path, with the host as SNI."""
    sni = re.compile(rf'"- - -".*(?<![\w.|-]){re.escape(host.removeprefix("*"))}(?![\w.-])')
    return [
        (log.ref, line.message)
        for log in facts.readable(ProxyLog, facts.gateway.namespace)
        for line in log.matching(sni)
    ]
