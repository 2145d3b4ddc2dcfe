"""AuthorizationPolicies at the gateway: which apply, and what their rules let through (domain.md 5.2.12).

Istio refuses a request that any DENY rule matches; where there is an ALLOW policy, also one that no ALLOW rule matches. A
policy without rules matches nothing, a rule without fields everything.
"""

from collections.abc import Iterable, Mapping

from checks.facts.istio import ROOT_NAMESPACE, AuthorizationPolicy
from checks.facts.kubernetes import selects
from checks.facts.reading import Raw, items, mapping, text, texts
from checks.facts.view import Facts
from checks.route.hosts import canonical, matches

IDENTITY = ("principals", "namespaces", "serviceAccounts", "notPrincipals", "notNamespaces", "notServiceAccounts")
"""Fields of `from.source` that need the client's certificate, which only mutual TLS to the gateway brings."""


def applying(facts: Facts, labels: Iterable[Mapping[str, str]]) -> tuple[AuthorizationPolicy, ...]:
    """The policies of the gateway's namespace and of the root namespace that select its proxies. Reads
    AuthorizationPolicy; raises Unreadable."""
    proxies = tuple(labels)
    return tuple(
        policy
        for namespace in dict.fromkeys((facts.gateway.namespace, ROOT_NAMESPACE))
        for policy in facts.in_namespace(AuthorizationPolicy, namespace)
        if policy.deleted is None and not policy.target_refs
        if not policy.selector or any(selects(policy.selector, each) for each in proxies)
    )


def aimed(facts: Facts) -> tuple[AuthorizationPolicy, ...]:
    """Policies of the gateway's namespace whose targetRefs name the gateway: that works for waypoints and Gateway API
    gateways, and does nothing for this one. Reads AuthorizationPolicy; raises Unreadable."""
    names = {facts.gateway.name, *facts.gateway.deployments}
    return tuple(
        policy
        for policy in facts.in_namespace(AuthorizationPolicy, facts.gateway.namespace)
        if any(text(ref, "name") in names for ref in policy.target_refs)
    )


def may_match(rule: Raw, host: str) -> bool:
    """Whether the rule can match a request to the host, as far as hosts tell: other fields may or may not match."""
    operations = [mapping(each, "operation") for each in items(rule, "to")]
    return not operations or any(_operation(each, host) for each in operations)


def is_everything(rule: Raw) -> bool:
    """Whether the rule matches every request."""
    return not any(items(rule, field) for field in ("from", "to", "when"))


def needs_identity(rule: Raw) -> bool:
    """Whether the rule can only match a client whose certificate the gateway has seen."""
    sources = [mapping(each, "source") for each in items(rule, "from")]
    return bool(sources) and all(any(texts(source, field) for field in IDENTITY[:3]) for source in sources)


def _operation(operation: Raw, host: str) -> bool:
    wanted, unwanted = texts(operation, "hosts"), texts(operation, "notHosts")
    if any(_host(each, host) for each in unwanted if not host.startswith("*")):
        return False
    return not wanted or any(_host(each, host) for each in wanted)


def _host(written: str, host: str) -> bool:
    """Istio matches the authority, port and all: people write `x.com` and `x.com:*` for one host."""
    name = canonical(written.rpartition(":")[0] if ":" in written else written)
    if name == "*" or (name.endswith("*") and host.startswith(name[:-1])):
        return True
    if name.startswith("*") and not name.startswith("*."):
        return host.endswith(name[1:])
    return matches(name, host)
