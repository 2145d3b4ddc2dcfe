"""The AuthorizationPolicies at a gateway, and which hosts their rules name."""

from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.label_selectors import selects
from checks.facts.view import Facts
from checks.istio.configured.proxy_labels import gateway_labels
from checks.istio.mesh.objects.hosts import hosts_overlap
from checks.model.raw_values import Raw, items, mapping, text, texts


def policies_at_gateway(facts: Facts) -> tuple[AuthorizationPolicy, ...]:
    """The policies that apply to the gateway's pods.

    They are in its namespace or in the root namespace. Raises Unreadable.
    """
    labels = gateway_labels(facts)
    return tuple(
        policy
        for namespace in dict.fromkeys((facts.gateway.namespace, ROOT_NAMESPACE))
        for policy in facts.in_namespace(AuthorizationPolicy, namespace)
        if policy.deleted is None and not policy.target_refs
        if not policy.selector or any(selects(policy.selector, each) for each in labels)
    )


def policies_with_targets(facts: Facts) -> tuple[AuthorizationPolicy, ...]:
    """The policies whose targetRefs name the gateway.

    This has no effect on an add-on's gateway. Raises Unreadable.
    """
    names = {facts.gateway.name, *facts.gateway.deployments}
    return tuple(
        policy
        for policy in facts.in_namespace(AuthorizationPolicy, facts.gateway.namespace)
        if any(text(each, "name") in names for each in policy.target_refs)
    )


def without_conditions(rule: Raw) -> bool:
    """Whether a rule matches every request."""
    return not any(items(rule, field) for field in ("from", "to", "when"))


def policy_hosts_match(rule: Raw, host: str) -> bool:
    """Whether the hosts of a rule match; its other fields may still not."""
    operations = [mapping(each, "operation") for each in items(rule, "to")]
    return not operations or any(_names(each, host) for each in operations)


def _names(operation: Raw, host: str) -> bool:
    wanted, unwanted = texts(operation, "hosts"), texts(operation, "notHosts")
    if any(_has_host(each, host) for each in unwanted if not host.startswith("*")):
        return False
    return not wanted or any(_has_host(each, host) for each in wanted)


def _has_host(written: str, host: str) -> bool:
    """Whether a host of a policy is this one.

    Istio compares the whole authority: `x.example` and `x.example:*` are written for one host.
    """
    name = (written.rpartition(":")[0] if ":" in written else written).lower()
    if name == "*" or (name.endswith("*") and host.startswith(name[:-1])):
        return True
    return hosts_overlap(name, host)
