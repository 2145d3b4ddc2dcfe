"""EG512: applications send TLS to a host that the gateway serves in plain HTTP."""

import re
from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.engine.route_findings import decided_by_router
from checks.facts.changes import Delete
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import DestinationRule, VirtualService
from checks.facts.logs import ProxyLog
from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import examined_hosts, nothing_configured
from checks.istio.configured.revision_settings import require_settings
from checks.istio.configured.routing_index import direct_tls_rules
from checks.istio.faults.gateway_clusters import gateway_clusters
from checks.istio.faults.resolved_routes import ROUTER_READS, resolved_routes
from checks.istio.fixes.fields import remove_field
from checks.istio.fixes.show_commands import show_object
from checks.istio.fixes.tls_settings import tls_place, tls_removed
from checks.istio.mesh.gateway_api.backend_policies import BackendPolicyRule
from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.istio.proxy.listeners import Provenance
from checks.istio.request.outcome import Step
from checks.kubernetes.ownership import with_owner
from checks.model.commands import ISTIO_TLSO, TSG, alternatives, change, inspect, quoted
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.model.raw_values import items, text


@decided_by_router
@check(
    code="EG512",
    title="Applications send TLS, but the gateway is configured for plain HTTP",
    severity=Severity.BLOCKS,
    hop="workload",
    article=("IST-6",),
    reads=(*ROUTER_READS, ProxyLog),
    explains={
        "tls-contract-broken": Because("the application's TLS is wrapped in TLS again", share="host"),
        "traffic-failing": Because("the destination receives TLS in TLS, or the gateway plain text", share="host"),
    },
)
def application_sends_tls(facts: Facts) -> Iterator[Observation]:
    """What it checks: hosts for which the gateway originates TLS. It fails if a `tls` rule routes the application's own
    TLS there, or directly to the destination through a DestinationRule that originates TLS: the result is TLS in TLS. It
    fails if a requested https:// request does not match the configuration. It warns about https:// requests in the
    gateway's access log, and about a rule that routes them elsewhere. The documented origination, which redirects only port
    80, passes: https:// requests then bypass the gateway. Otherwise it does not apply.

    Why it matters: if the gateway originates TLS, applications must call http://. Their https:// requests fail, or
    leave from another address.

    What usually fixes it: calling http:// in the application, or TLS passthrough.

    Source: article IST-6; Istio's page on egress TLS origination. Objects do not show what applications send."""
    hosts = examined_hosts(facts)
    origination = {host: _rule_of(facts, host) for host in _originated(facts)}
    found = [*_wrapped(facts), *(seen for host, step in origination.items() for seen in _calls(facts, host, step))]
    yield from found
    require_settings(facts)
    if found:
        return
    if origination:
        facts.require_for_risk(ProxyLog, facts.gateway.namespace)  # it shows https:// requests
        first = next(iter(origination))
        yield healthy(
            f"TLS origination is configured; applications must call http://{first}.",
            evidence=[_bypass(each) for each in list(origination)[:10]],
        )
    elif hosts:
        yield skip(f"Egress gateway {facts.gateway} originates no TLS and forwards requests as applications send them.")
    else:
        yield skip(nothing_configured(facts))


def _wrapped(facts: Facts) -> Iterator[Observation]:
    """TLS of applications that a rule routes to the gateway, and that the gateway wraps in TLS."""
    for each in gateway_clusters(facts):
        place = tls_place(each.cluster) if each.originates_tls else None
        for route in each.routes if place is not None else ():
            steps = [step for end in route.outcome.ends for step in end.steps]
            rule = next((step.origin for step in steps if step.origin.source is not None), None)
            sent = next((step.origin for step in reversed(steps) if step.proxy != each.proxy.name), rule)
            if place is not None and route.request.scheme == "https" and not route.through and sent is not None:
                yield _double(route.host, sent, *place, mode=each.cluster.tls.mode if each.cluster.tls else "")
                break


def _double(host: str, sent: Provenance, rule: DestinationRule, path: str, *, mode: str) -> Observation:
    source = sent.source
    shown = [source] if source is not None else []
    routes = f"{sent.field} of {source.ref}" if source is not None else "a rule"
    policy = rule.source if isinstance(rule, BackendPolicyRule) else None
    presents = " and present the client certificate" if mode == "MUTUAL" else ""
    dropped = change(
        f"{'Patch' if policy is None else 'Delete'} {rule.ref}: remove TLS origination; applications keep using https://"
        f"{presents}",
        tls_removed(rule, path).command if policy is None else Delete(policy).command,
        TSG,
    )
    removed = (
        change(
            f"Patch {source.ref}: remove the tls rule; applications call http://{host}",
            remove_field(source, sent.field).command,
            ISTIO_TLSO,
        )
        if isinstance(source, VirtualService) and source.http
        else None  # without http rules, http:// requests would not go through the gateway
    )
    dropped = with_owner(dropped, rule if policy is None else policy)
    choices = [dropped] if removed is None else [with_owner(removed, source), dropped]
    if removed is None and mode == "MUTUAL":
        choices.insert(
            0, _plain_call(host, rule)
        )  # the rule is there so that the gateway presents the client certificate
    return fail(
        f"TLS in TLS to {host}: {routes} routes the TLS of applications, and {rule.ref} wraps it in TLS again.",
        subject=f"host {host}",
        evidence=[
            *(
                Evidence(each.ref, sent.field, f"routes TLS from sidecars for {host}", "http rules for port 80")
                for each in shown
            ),
            Evidence(rule.ref, path, mode, "(none) if applications send TLS"),
        ],
        actions=[*map(show_object, shown), *alternatives(*choices)],
        about=[Involved("host", host)],
    )


def _plain_call(host: str, rule: DestinationRule) -> Action:
    return change(
        f"Change the application to call http://{host}, and route its port 80 to the gateway by http rules instead of the tls "
        "rule: the gateway then presents the client certificate",
        "",
        ISTIO_TLSO,
        f"{rule.ref} originates the only TLS to {host}",
        undo="let the application call the previous URL again",
    )


def _bypass(host: str) -> Evidence:
    return Evidence(
        f"host {host}", "port 443", "https:// requests bypass the gateway", f"applications call http://{host}"
    )


def _originated(facts: Facts) -> list[str]:
    """The hosts for which the gateway originates TLS."""
    found = (
        route.host
        for each in gateway_clusters(facts)
        for route in each.routes
        if each.originates_tls and route.request.scheme == "http"
    )
    return list(dict.fromkeys(found))


def _rule_of(facts: Facts, host: str) -> Step | None:
    """The gateway's decision for plain requests to a host."""
    for each in gateway_clusters(facts):
        for route in each.routes:
            if route.host == host and route.request.scheme == "http":
                steps = [step for end in route.outcome.ends for step in end.steps if step.proxy == each.proxy.name]
                return steps[-1] if steps else None
    return None


def _calls(facts: Facts, host: str, step: Step | None) -> Iterator[Observation]:
    """A warning for https:// requests in the access log, or in a rule with another destination."""
    lines, direct = _tls_lines(facts, host), direct_tls_rules(facts, host)
    if any(each.host == host and each.request.scheme == "https" and each.faults for each in resolved_routes(facts)):
        direct = []  # the router reports these requests
    if not lines and not direct:
        return
    source = step.origin.source if step is not None else None
    shown: list[KubernetesObject] = [source] if source is not None else []
    used = (
        [Evidence(source.ref, step.origin.field, "plain HTTP only")] if step is not None and source is not None else []
    )
    yield warn(
        f"https://{host} does not go through {facts.gateway.ref}, which is configured for http://{host} only.",
        subject=f"host {host}",
        evidence=[
            *(Evidence(ref, "access log", line) for ref, line in lines[:3]),
            *(_direct(each) for each in direct),
            *used,
        ],
        actions=[
            *map(show_object, shown),
            _show_plain_route(facts, host),
            change(
                f"Change the application to call http://{host}; the gateway originates TLS to the destination", "", TSG
            ),
        ],
        about=[Involved("host", host)],
    )


def _direct(rule: RoutingRule) -> Evidence:
    written = next((text(each, "destination", "host") for each in items(rule.raw, "route")), "")
    return Evidence(rule.source.ref, f"{rule.field}.route[0].destination.host", written, "the gateway")


def _show_plain_route(facts: Facts, host: str) -> Action:
    """An action that shows the route of plain HTTP requests to the host."""
    command = quoted("egress-diag", "diagnose", facts.cluster.name, str(facts.gateway), "--host", f"{host}:80")
    return inspect(f"Show the route of http://{host}", command, ISTIO_TLSO)


def _tls_lines(facts: Facts, host: str) -> list[tuple[str, str]]:
    """Access log lines of TLS connections without method and path, with the host as SNI."""
    sni = re.compile(rf'"- - -".*(?<![\w.|-]){re.escape(host.removeprefix("*"))}(?![\w.-])')
    return [(log.ref, line.message) for log in facts.proxy_logs() for line in log.matching(sni)]
