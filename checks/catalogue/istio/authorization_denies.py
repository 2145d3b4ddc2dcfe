"""EG513: an AuthorizationPolicy denies requests at the gateway."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.engine.route_findings import decided_by_router_or_alone
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import configured_hosts, examined_hosts
from checks.istio.configured.gateway_policies import (
    policies_at_gateway,
    policies_with_targets,
    policy_hosts_match,
    without_conditions,
)
from checks.istio.configured.revision_settings import require_settings
from checks.istio.faults.resolved_routes import ROUTER_READS
from checks.istio.fixes.show_commands import list_kind, show_object
from checks.istio.mesh.mesh import mesh_of
from checks.istio.request.external_authorizers import ExternalAuthorizers
from checks.model.commands import ISTIO_EGW, change
from checks.model.findings import Evidence, Involved, Observation, Severity, healthy, warn


@decided_by_router_or_alone(lambda facts, _: not facts.all(AuthorizationPolicy))
@check(
    code="EG513",
    title="An AuthorizationPolicy denies requests at the gateway",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-6",),
    reads=ROUTER_READS,
    explains={"traffic-failing": "an AuthorizationPolicy denies the requests"},
)
def authorization_denies(facts: Facts) -> Iterator[Observation]:
    """What it checks: the AuthorizationPolicies of the gateway's namespace and of aks-istio-system that apply to its pods. It
    fails if all requests to a host from its clients are denied: no ALLOW rule matches, or a DENY rule does. On TLS that is
    passed through, an ALLOW rule with hosts, paths or methods never matches. Without ISTIO_MUTUAL, the client has no
    identity. It warns about other DENY and CUSTOM policies that may match, and about `targetRefs` that name the gateway,
    which have no effect. A CUSTOM policy without a usable authorizer denies what it matches.

    Why it matters: the gateway answers 403 to requests that are not allowed. A policy for the applications of a namespace,
    such as deny-all, also applies to the gateway's pods there.

    What usually fixes it: an ALLOW policy that selects the gateway's pods and names the hosts, or a selector on the policy
    for other workloads.

    Source: article IST-6 (authorization at the gateway); Istio's AuthorizationPolicy reference;
    docs/domain/istio.md#authorization."""
    found = configured_hosts(facts)
    # A request to a host that no server has is rejected before any policy is evaluated.
    hosts = tuple(host for host in examined_hosts(facts) if found.servers_for(host))
    policies = policies_at_gateway(facts)
    observations = [
        *_may_deny(facts, policies, hosts),
        *(_target_refs(facts, each) for each in policies_with_targets(facts)),
    ]
    yield from observations
    require_settings(facts)
    if not observations:
        names = ", ".join(f"{each.namespace}/{each.name}" for each in policies if each.action == "ALLOW")
        by = (
            f"AuthorizationPolicy {names} allows the routed hosts"
            if names
            else "No AuthorizationPolicy denies a request"
        )
        yield healthy(f"{by} at {facts.gateway.ref}.")


def _may_deny(facts: Facts, policies: tuple[AuthorizationPolicy, ...], hosts: tuple[str, ...]) -> Iterator[Observation]:
    for policy in policies:
        if policy.action not in ("DENY", "CUSTOM"):
            continue
        problem = _authorizer_problem(facts, policy, policies) if policy.action == "CUSTOM" else ""
        if (policy.action == "DENY" or problem) and any(map(without_conditions, policy.rules)):
            continue  # the router follows it: it denies every request
        met = [host for host in hosts if any(policy_hosts_match(rule, host) for rule in policy.rules)]
        if met:
            requests = f"requests to {', '.join(met[:3])}{' and others' if len(met) > 3 else ''}"
            stated = (
                f"may deny {requests}" if policy.action == "DENY" else f"sends {requests} to an external authorizer"
            )
            if problem:
                stated = f"has no usable external authorizer and denies the {requests} that it matches"
            evidence = [Evidence(policy.ref, "spec.action", policy.action, "no rule for these hosts")]
            if problem:
                evidence.append(Evidence(policy.ref, "spec.provider.name", problem, "a usable provider"))
            yield warn(
                f"{policy.ref} {stated}.",
                subject=policy.ref,
                evidence=evidence,
                actions=[show_object(policy), list_kind(AuthorizationPolicy)],
                about=[Involved("host", each) for each in met],
            )


def _authorizer_problem(facts: Facts, policy: AuthorizationPolicy, policies: tuple[AuthorizationPolicy, ...]) -> str:
    """Why a CUSTOM policy has no usable authorizer in a revision of the gateway, "" if it has."""
    meshes = (mesh_of(facts, revision) for revision in facts.gateway.revisions or ("",))
    problems = (ExternalAuthorizers(each).problem(policy, policies) for each in meshes)
    return next((each for each in problems if each), "")


def _target_refs(facts: Facts, policy: AuthorizationPolicy) -> Observation:
    return warn(
        f"{policy.ref} names {facts.gateway.ref} in targetRefs, which has no effect on the add-on's gateways.",
        subject=policy.ref,
        evidence=[Evidence(policy.ref, "spec.targetRefs", facts.gateway.name, "spec.selector")],
        actions=[
            show_object(policy),
            change("Replace targetRefs by spec.selector with the labels of the gateway's pods", url=ISTIO_EGW),
        ],
    )
