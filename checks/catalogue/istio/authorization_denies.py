"""EG513: an AuthorizationPolicy denies requests at the gateway."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.changes import Apply
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.view import Facts
from checks.istio.faults.requested import ROUTER_READS, decided_by_router
from checks.istio.identity_policies import DENIED_ANSWER, for_other_namespaces, without_identity
from checks.istio.route.authorization import aimed, applying, is_everything, may_match
from checks.istio.route.carried import HOST_READS, about, configuration, judged
from checks.istio.route.corrections import listed, show
from checks.istio.route.visibility import settle
from checks.model.commands import ISTIO_EGW, change, inspect
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, warn
from checks.model.raw_values import items, mapping, texts


@check(
    code="EG513",
    title="An AuthorizationPolicy denies requests at the gateway",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-6",),
    reads=tuple(dict.fromkeys((*(*HOST_READS, AuthorizationPolicy), *ROUTER_READS))),
)
@decided_by_router("authorization-denies")
def authorization_denies(facts: Facts) -> Iterator[Observation]:
    """What it checks: the AuthorizationPolicies of the gateway's namespace and of aks-istio-system that select its pods or
    have no selector. It fails for a host that no ALLOW rule matches (every host with `spec: {}`), for a DENY rule without
    conditions, and for a host that an ISTIO_MUTUAL server allows only to identities of other namespaces than the clients'.
    It warns about DENY and CUSTOM policies that may match, about ALLOW rules on the client's identity at a server without
    ISTIO_MUTUAL, and about `targetRefs` that name the gateway, which have no effect. Methods, paths, ports and conditions
    are not evaluated.

    Why it matters: the gateway answers 403 to requests that are not allowed. A policy for the applications of a namespace,
    such as deny-all, also applies to the gateway's pods there.

    What usually fixes it: an ALLOW policy that selects the gateway's pods and names the hosts, or a selector on the policy
    for other workloads.

    Source: article IST-6 (authorization at the gateway); Istio's AuthorizationPolicy reference;
    docs/domain/istio.md#authorization."""
    facts.in_namespace(AuthorizationPolicy, facts.gateway.namespace)
    found = configuration(facts)
    # A request to a host that no server has is rejected before any policy is evaluated.
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
        *without_identity(found, allowing, hosts),
        *for_other_namespaces(facts, found, allowing, hosts),
        *(_target_refs(facts, each) for each in aimed(facts)),
    ]
    yield from observations
    facts.all(VirtualService)
    facts.all(Gateway)
    settle(facts)
    if not observations:
        names = ", ".join(f"{each.namespace}/{each.name}" for each in allowing)
        by = (
            f"AuthorizationPolicy {names} allows the routed hosts"
            if names
            else "No AuthorizationPolicy denies a request"
        )
        yield healthy(f"{by} at {facts.gateway.ref}.")


def _denied(facts: Facts, allowing: tuple[AuthorizationPolicy, ...], hosts: tuple[str, ...]) -> Iterator[Observation]:
    """Hosts that no ALLOW rule can match."""
    if not allowing:
        return
    rules = [rule for policy in allowing for rule in policy.rules]
    denied = [host for host in hosts if not any(may_match(rule, host) for rule in rules)]
    if rules and not denied:
        return
    names = ", ".join(each.ref for each in allowing)
    what = "no request" if not rules else f"no request to {', '.join(denied[:3])}"
    what += f" and {len(denied) - 3} more hosts" if rules and len(denied) > 3 else ""
    yield fail(
        f"{names} allow{'s' if len(allowing) == 1 else ''} {what} at {facts.gateway.ref}, which answers {DENIED_ANSWER}.",
        subject=names,
        evidence=[Evidence(each.ref, "spec.rules", _written(each), "a rule for the host") for each in allowing],
        actions=[*(show(each) for each in allowing[:3]), _allow(facts, denied or list(hosts))],
        about=about(denied or hosts),
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
    expect = "the gateway allows these requests within seconds; DENY policies still apply"
    return change(
        "Create an AuthorizationPolicy that allows the gateway's hosts", Apply(manifest).command, ISTIO_EGW, expect
    )


def _denies_all(policy: AuthorizationPolicy, hosts: tuple[str, ...]) -> Observation:
    return fail(
        f"{policy.ref} denies every request at the gateway, which answers {DENIED_ANSWER}.",
        subject=policy.ref,
        evidence=[Evidence(policy.ref, "spec.rules", "a rule without conditions", "a rule with conditions")],
        actions=[
            show(policy),
            change("Add conditions to the rule, or a selector that does not match the gateway's pods", url=ISTIO_EGW),
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
            requests = f"requests to {', '.join(met[:3])}{' and others' if len(met) > 3 else ''}"
            yield warn(
                f"{policy.ref} may deny {requests}."
                if policy.action == "DENY"
                else f"{policy.ref} sends {requests} to an external authorizer.",
                subject=policy.ref,
                evidence=[Evidence(policy.ref, "spec.action", policy.action, "no rule for these hosts")],
                actions=[show(policy), inspect("List all AuthorizationPolicies", listed(AuthorizationPolicy))],
                about=about(met),
            )


def _target_refs(facts: Facts, policy: AuthorizationPolicy) -> Observation:
    return warn(
        f"{policy.ref} names {facts.gateway.ref} in targetRefs, which has no effect on the add-on's gateways.",
        subject=policy.ref,
        evidence=[Evidence(policy.ref, "spec.targetRefs", facts.gateway.name, "spec.selector")],
        actions=[
            show(policy),
            change("Replace targetRefs by spec.selector with the labels of the gateway's pods", url=ISTIO_EGW),
        ],
    )
