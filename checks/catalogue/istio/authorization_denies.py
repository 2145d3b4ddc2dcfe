"""EG513: an AuthorizationPolicy keeps requests from the gateway."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.view import Facts
from checks.istio.route.authorization import IDENTITY, admits, aimed, applying, is_everything, may_match, needs_identity
from checks.istio.route.carried import HOST_READS, Configuration, about, configuration, judged
from checks.istio.route.clients import client_namespaces
from checks.istio.route.corrections import Apply, listed, show
from checks.istio.route.visibility import settle
from checks.model.commands import ISTIO_EGW, change, kubectl, look
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, warn
from checks.model.raw_values import items, mapping, texts

ANSWER = "403 (rbac_access_denied)"


@check(
    code="EG513",
    title="An AuthorizationPolicy denies requests at the gateway",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-6",),
    reads=(*HOST_READS, AuthorizationPolicy),
)
def authorization_denies(facts: Facts) -> Iterator[Observation]:
    """What it checks: the AuthorizationPolicies of the gateway's namespace and of aks-istio-system that select its pods, or
    have no selector. Where ALLOW policies apply, a host that none of their rules can match fails: with `spec: {}` that
    is every host; so does a DENY rule without conditions, and a host that an ISTIO_MUTUAL server allows only to identities of
    other namespaces than the clients'. It warns for DENY and CUSTOM policies that may match, for ALLOW
    rules that need the client's identity where the server is not ISTIO_MUTUAL, and for `targetRefs` that name the
    gateway, which do nothing. Methods, paths, ports and conditions are not judged.

    Why it matters: the gateway answers 403 to what is not allowed. A policy for a namespace's applications, such as a
    deny-all, holds for the gateway's pods in it, too.

    What usually fixes it: an ALLOW policy that selects the gateway's pods and names the hosts, or a selector on the
    policy that was meant for others.

    Source: article, Istio step 6 (authorization at the gateway); Istio's AuthorizationPolicy reference; domain.md 5.2.12."""
    facts.in_namespace(AuthorizationPolicy, facts.gateway.namespace)
    found = configuration(facts)
    # What no server has never gets as far as a policy.
    hosts = tuple(host for host in judged(facts) if any(server.concerns(host) for server in found.all_servers))
    policies = applying(facts, found.labels)
    allowing = tuple(each for each in policies if each.action == "ALLOW")
    observations = [
        *_denied(facts, allowing, hosts),
        *(
            _denies_all(each, hosts)
            for each in policies
            if each.action == "DENY" and any(map(is_everything, each.rules))
        ),
        *_may_deny(policies, hosts),
        *_without_identity(found, allowing, hosts),
        *_of_others(facts, found, allowing, hosts),
        *(_aimed(facts, each) for each in aimed(facts)),
    ]
    yield from observations
    facts.all(VirtualService)
    facts.all(Gateway)
    settle(facts)
    if not observations:
        names = ", ".join(f"{each.namespace}/{each.name}" for each in allowing)
        by = (
            f"AuthorizationPolicy {names} allows what the gateway carries"
            if names
            else "No AuthorizationPolicy denies anything"
        )
        yield healthy(f"{by} at {facts.gateway.ref}.")


def _denied(facts: Facts, allowing: tuple[AuthorizationPolicy, ...], hosts: tuple[str, ...]) -> Iterator[Observation]:
    """Hosts that no ALLOW rule can match."""
    if not allowing:
        return
    rules = [rule for policy in allowing for rule in policy.rules]
    refused = [host for host in hosts if not any(may_match(rule, host) for rule in rules)]
    if rules and not refused:
        return
    names = ", ".join(each.ref for each in allowing)
    what = "nothing" if not rules else f"nothing to {', '.join(refused[:3])}"
    what += f" and {len(refused) - 3} more hosts" if rules and len(refused) > 3 else ""
    yield fail(
        f"{names} allow{'s' if len(allowing) == 1 else ''} {what} at {facts.gateway.ref}, which answers {ANSWER}.",
        subject=names,
        evidence=[Evidence(each.ref, "spec.rules", _written(each), "a rule for the host") for each in allowing],
        actions=[*(show(each) for each in allowing[:3]), _allow(facts, refused or list(hosts))],
        about=about(refused or hosts),
    )


def _written(policy: AuthorizationPolicy) -> str:
    operations = [mapping(to, "operation") for rule in policy.rules for to in items(rule, "to")]
    hosts = sorted({host for operation in operations for host in texts(operation, "hosts")})
    if not policy.rules:
        return "(none)"
    return f"hosts {', '.join(hosts)}" if hosts else f"{len(policy.rules)} rule{'s' if len(policy.rules) > 1 else ''}"


def _allow(facts: Facts, hosts: list[str]) -> Action:
    gateway = facts.gateway
    labels = configuration(facts).labels
    selector = {"istio": labels[0]["istio"]} if labels and "istio" in labels[0] else dict(labels[0]) if labels else {}
    names = [name for host in hosts for name in (host, f"{host}:*")]
    rule = {"to": [{"operation": {"hosts": names}}]} if names else {}
    manifest = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": f"{gateway.name}-allow", "namespace": gateway.namespace},
        "spec": {"selector": {"matchLabels": selector}, "action": "ALLOW", "rules": [rule]},
    }
    expect = "the gateway lets these requests through within seconds; DENY policies still count"
    return change("Allow what the gateway is for", Apply(manifest).command, ISTIO_EGW, expect)


def _denies_all(policy: AuthorizationPolicy, hosts: tuple[str, ...]) -> Observation:
    return fail(
        f"{policy.ref} denies every request at the gateway, which answers {ANSWER}.",
        subject=policy.ref,
        evidence=[Evidence(policy.ref, "spec.rules", "a rule without conditions", "conditions")],
        actions=[
            show(policy),
            change("Give the rule conditions, or the policy a selector that leaves the gateway out", url=ISTIO_EGW),
        ],
        about=about(hosts),
    )


def _may_deny(policies: tuple[AuthorizationPolicy, ...], hosts: tuple[str, ...]) -> Iterator[Observation]:
    for policy in policies:
        if policy.action not in ("DENY", "CUSTOM"):
            continue
        if policy.action == "DENY" and any(map(is_everything, policy.rules)):
            continue
        met = [host for host in hosts if any(may_match(rule, host) for rule in policy.rules)]
        if met:
            verb = "may deny" if policy.action == "DENY" else "asks an external authorizer about"
            yield warn(
                f"{policy.ref} {verb} requests to {', '.join(met[:3])}{' and others' if len(met) > 3 else ''}.",
                subject=policy.ref,
                evidence=[Evidence(policy.ref, "spec.action", policy.action, "no rule for these hosts")],
                actions=[show(policy), look("See all policies", listed(AuthorizationPolicy))],
                about=about(met),
            )


def _without_identity(
    found: Configuration, allowing: tuple[AuthorizationPolicy, ...], hosts: tuple[str, ...]
) -> Iterator[Observation]:
    """Hosts that only rules about the client's identity allow, at servers that never learn it."""
    rules = [(policy, rule) for policy in allowing for rule in policy.rules]
    for host in hosts:
        fitting = [(policy, rule) for policy, rule in rules if may_match(rule, host)]
        plain = [s for s in found.servers_for(host) if s.server.tls_mode != "ISTIO_MUTUAL"]
        if not fitting or not plain or not all(needs_identity(rule) for _, rule in fitting):
            continue
        policy, server = fitting[0][0], plain[0]
        yield warn(
            f"{policy.ref} allows {host} by the client's identity, which {server.gateway.ref} does not learn on port "
            f"{server.port}: it answers {ANSWER}.",
            subject=policy.ref,
            evidence=[
                Evidence(policy.ref, "spec.rules[*].from.source", "principals or namespaces", "none"),
                Evidence(
                    server.gateway.ref, f"{server.path}.tls.mode", server.server.tls_mode or "(no tls)", "ISTIO_MUTUAL"
                ),
            ],
            actions=[
                show(policy),
                show(server.gateway),
                change(
                    "Let sidecars speak ISTIO_MUTUAL to the gateway (server and DestinationRule), or allow by host alone",
                    url=ISTIO_EGW,
                ),
            ],
            about=about([host]),
        )


def _of_others(
    facts: Facts, found: Configuration, allowing: tuple[AuthorizationPolicy, ...], hosts: tuple[str, ...]
) -> Iterator[Observation]:
    """Hosts that the rules allow to the identities of other namespaces than those where requests start."""
    if not allowing:
        return
    clients = client_namespaces(facts)
    for host in hosts:
        fitting = [(p, rule) for p in allowing for rule in p.rules if may_match(rule, host)]
        seen = [s for s in found.servers_for(host) if s.server.tls_mode == "ISTIO_MUTUAL"]
        if not fitting or not seen or len(seen) < len(found.servers_for(host)):
            continue
        if any(admits(rule, each, policy.namespace) for policy, rule in fitting for each in clients):
            continue
        policy = fitting[0][0]
        where = ", ".join(clients[:3]) + (f" and {len(clients) - 3} more" if len(clients) > 3 else "")
        yield fail(
            f"{policy.ref} allows {host} to none of the clients in namespace {where}: the gateway answers {ANSWER}.",
            subject=policy.ref,
            evidence=[Evidence(p.ref, "spec.rules[*].from.source", _sources(p), where) for p in allowing[:3]],
            actions=[
                show(policy),
                change(
                    f"Add the clients' namespace to the sources ({where}) in {policy.ref}", _edit(policy), ISTIO_EGW
                ),
            ],
            about=about([host]),
        )


def _sources(policy: AuthorizationPolicy) -> str:
    sources = [mapping(each, "source") for rule in policy.rules for each in items(rule, "from")]
    named = sorted({name for source in sources for field in IDENTITY for name in texts(source, field)})
    return ", ".join(named[:5]) or "(any)"


def _edit(policy: AuthorizationPolicy) -> str:
    return kubectl("edit", "authorizationpolicies.security.istio.io", policy.name, namespace=policy.namespace)


def _aimed(facts: Facts, policy: AuthorizationPolicy) -> Observation:
    return warn(
        f"{policy.ref} names {facts.gateway.ref} in targetRefs, which has no effect on a gateway of the add-on.",
        subject=policy.ref,
        evidence=[Evidence(policy.ref, "spec.targetRefs", facts.gateway.name, "spec.selector")],
        actions=[show(policy), change("Use spec.selector with the labels of the gateway's pods", url=ISTIO_EGW)],
    )
