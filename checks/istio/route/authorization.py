"""AuthorizationPolicies at the gateway: which apply, and what their rules let through (domain.md 5.2.12).

Istio refuses a request that any DENY rule matches; where there is an ALLOW policy, also one that no ALLOW rule matches. A
policy without rules matches nothing, a rule without fields everything.
"""

from collections.abc import Iterable, Mapping

from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.label_selectors import selects
from checks.facts.view import Facts
from checks.istio.route.hosts import canonical, matches
from checks.model.raw_values import Raw, items, mapping, text, texts

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


def admits(rule: Raw, namespace: str, owner: str) -> bool:
    """Whether the rule of a policy of namespace `owner` can match a client of this namespace whose certificate the gateway
    has seen; other fields of the source may still keep it out."""
    sources = [mapping(each, "source") for each in items(rule, "from")]
    return not sources or any(_source(each, namespace, owner) for each in sources)


def _source(source: Raw, namespace: str, owner: str) -> bool:
    wanted, unwanted = texts(source, "namespaces"), texts(source, "notNamespaces")
    if any(_fits(each, namespace) for each in unwanted) or (wanted and not any(_fits(e, namespace) for e in wanted)):
        return False
    principals = texts(source, "principals")
    if principals and not any(_principal(each, namespace) for each in principals):
        return False
    accounts = texts(source, "serviceAccounts")
    return not accounts or any((each.rpartition("/")[0] or owner) == namespace for each in accounts)


def _fits(pattern: str, value: str) -> bool:
    """Istio's match of texts: exact, prefix*, *suffix or *."""
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern


def _principal(pattern: str, namespace: str) -> bool:
    """`<trust domain>/ns/<namespace>/sa/<account>`; a wildcard that cuts the namespace off may mean any."""
    before, found, rest = pattern.partition("/ns/")
    if not found:
        return "*" in before
    name, more, _ = rest.partition("/")
    return name == namespace if more else _fits(name, namespace)


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
