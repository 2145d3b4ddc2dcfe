"""AuthorizationPolicies at a gateway, as istiod translates them to Envoy's RBAC filters.

An ALLOW rule with HTTP fields never matches TCP, and a DENY rule loses its HTTP fields there
(docs/rulings.md#ruling-25).

Source: Istio `pilot/pkg/security/authz`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_network

from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.label_selectors import selects
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.hosts import is_address
from checks.istio.mesh.proxies import Proxy
from checks.istio.request.external_authorizers import ExternalAuthorizers
from checks.istio.request.matching import NotModelled
from checks.istio.request.newer_objects import newer_place, refuse_newer
from checks.istio.request.wire import Http
from checks.model.raw_values import Raw, items, mapping, text, texts
from checks.model.value_types import value


@value(frozen=True, slots=True)
class DownstreamPeer:
    """The properties of a client that a policy can match.

    They belong to the connection, and also to the request if the filter reads HTTP.
    """

    source: str
    """The client's IP address."""
    address: str
    port: int
    server_name: str
    identity: str
    """SPIFFE identity from mutual TLS, "" without."""
    request: Http | None


def policies_of(mesh: Mesh, proxy: Proxy) -> tuple[AuthorizationPolicy, ...]:
    """The policies that apply to a proxy.

    They are in the root namespace or in the proxy's own, and apply by selector or target.
    """
    return tuple(
        each
        for each in mesh.authorization_policies
        if each.namespace in (mesh.configuration.root, proxy.namespace) and _applies(each, proxy)
    )


def _applies(policy: AuthorizationPolicy, proxy: Proxy) -> bool:
    if policy.target_refs:
        name = proxy.labels.get("gateway.networking.k8s.io/gateway-name", "")
        return any(text(each, "kind") == "Gateway" and text(each, "name") == name for each in policy.target_refs)
    return not policy.selector or selects(policy.selector, proxy.labels)


def denied_by(
    policies: Iterable[AuthorizationPolicy], peer: DownstreamPeer, authorizers: ExternalAuthorizers
) -> AuthorizationPolicy | None:
    """The policy that denies a peer; None if the peer is allowed. Raises NotModelled.

    If ALLOW policies exist and none of them matches, the first of them denies.
    """
    kept = list(policies)
    enforced = [each for each in kept if not _is_dry_run(each)]
    newer = [each for each in kept if newer_place(authorizers.mesh, each)]
    custom = [
        each for each in kept if each.action == "CUSTOM" and each not in newer and _matches(each, peer, deny=True)
    ]
    for each in custom:
        if each in enforced and authorizers.problem(each, kept):
            return each
    known = [each for each in enforced if each not in newer]
    denied = next((each for each in known if each.action == "DENY" and _matches(each, peer, deny=True)), None)
    if denied is None:
        refuse_newer(authorizers.mesh, newer)
    allowing = [each for each in enforced if each.action == "ALLOW"]
    if denied is None and allowing and not any(_matches(each, peer, deny=False) for each in allowing):
        denied = allowing[0]
    asking = [each for each in custom if peer.request is not None or authorizers.reads_tcp(each)]
    if denied is None and asking:
        raise NotModelled(f"{asking[0].ref} asks an external authorizer")
    return denied


def _is_dry_run(policy: AuthorizationPolicy) -> bool:
    """Whether a policy is only evaluated for metrics and logs: `isDryRun`."""
    return policy.annotations.get("istio.io/dry-run", "") in _TRUE


_TRUE = ("1", "t", "T", "true", "TRUE", "True")
"""The texts that Go reads as true."""


def _matches(policy: AuthorizationPolicy, peer: DownstreamPeer, *, deny: bool) -> bool:
    return any(matches_rule(rule, peer, deny=deny) for rule in policy.rules)


_HTTP_SOURCES = ("requestPrincipals",)
_HTTP_OPERATIONS = ("hosts", "methods", "paths")


def matches_rule(rule: Raw, peer: DownstreamPeer, *, deny: bool) -> bool:
    """Whether a rule of an ALLOW or DENY policy matches. Raises NotModelled."""
    sources = [mapping(each, "source") for each in items(rule, "from")] or [{}]
    operations = [mapping(each, "operation") for each in items(rule, "to")] or [{}]
    conditions = list(items(rule, "when"))
    if peer.request is None:
        if not deny and has_http_fields(rule):
            return False  # istiod drops an ALLOW rule that TCP cannot express
        sources = [_without(each, _HTTP_SOURCES) for each in sources]
        operations = [_without(each, _HTTP_OPERATIONS) for each in operations]
        conditions = [each for each in conditions if not text(each, "key").startswith("request.")]
    return (
        any(all(_source(each, peer)) for each in sources)
        and any(all(_operation(each, peer)) for each in operations)
        and all(_condition(each, peer) for each in conditions)
    )


def has_http_fields(rule: Raw) -> bool:
    """Whether a rule has fields that only HTTP requests have: istiod drops them on a TCP port."""
    return (
        any(_http_fields(mapping(each, "source"), _HTTP_SOURCES) for each in items(rule, "from"))
        or any(_http_fields(mapping(each, "operation"), _HTTP_OPERATIONS) for each in items(rule, "to"))
        or any(text(each, "key").startswith("request.") for each in items(rule, "when"))
    )


def _http_fields(part: Raw, names: Iterable[str]) -> list[str]:
    return [key for name in names for key in (name, f"not{name[0].upper()}{name[1:]}") if part.get(key)]


def _without(part: Raw, names: Iterable[str]) -> Raw:
    dropped = set(_http_fields(part, names))
    return {key: value for key, value in part.items() if key not in dropped}


def _source(source: Raw, peer: DownstreamPeer) -> Iterator[bool]:
    identity = peer.identity.removeprefix("spiffe://")
    namespace, account = _parts(identity)
    yield from _both(source, "principals", lambda each: _matches_text(each, identity))
    yield from _both(source, "namespaces", lambda each: bool(identity) and _matches_text(each, namespace))
    yield from _both(
        source, "serviceAccounts", lambda each: bool(identity) and each in (account, f"{namespace}/{account}")
    )
    yield from _both(source, "trustDomains", lambda each: _matches_text(each, identity.partition("/")[0]))
    yield from _both(source, "ipBlocks", lambda each: _within(each, peer.source))
    yield from _both(source, "remoteIpBlocks", lambda each: _within(each, peer.source))
    # A request without a token has no request principal.
    yield from _both(source, "requestPrincipals", lambda _: False)


def _parts(identity: str) -> tuple[str, str]:
    """(namespace, service account) of an identity such as `cluster.local/ns/a/sa/b`."""
    parts = identity.split("/")
    return (parts[2], parts[4]) if len(parts) == 5 else ("", "")


def _operation(operation: Raw, peer: DownstreamPeer) -> Iterator[bool]:
    request = peer.request
    authority, method, path = (request.authority, request.method, request.path) if request is not None else ("", "", "")
    path = path.partition("?")[0].partition("#")[0]
    yield from _both(operation, "hosts", lambda each: _matches_text(each.lower(), authority.lower()))
    yield from _both(operation, "ports", lambda each: each == str(peer.port))
    yield from _both(operation, "methods", lambda each: _matches_text(each, method))
    yield from _both(operation, "paths", lambda each: _path(each, path))


def _path(pattern: str, path: str) -> bool:
    if "{" in pattern:
        raise NotModelled(f"path template {pattern}")
    return _matches_text(pattern, path)


def _condition(condition: Raw, peer: DownstreamPeer) -> bool:
    key = text(condition, "key")
    return all(_both(condition, "values", lambda each: _attribute(key, each, peer)))


def _attribute(key: str, wanted: str, peer: DownstreamPeer) -> bool:
    identity = peer.identity.removeprefix("spiffe://")
    namespace, account = _parts(identity)
    match key:
        case "connection.sni":
            return _matches_text(wanted, peer.server_name)
        case "source.namespace":
            return bool(identity) and _matches_text(wanted, namespace)
        case "source.principal":
            return _matches_text(wanted, identity)
        case "source.serviceAccount":
            return bool(identity) and wanted in (account, f"{namespace}/{account}")
        case "destination.port":
            return wanted == str(peer.port)
        case "destination.ip":
            return _within(wanted, peer.address)
        case "source.ip" | "remote.ip":
            return _within(wanted, peer.source)
        case _:
            return _request_attribute(key, wanted, peer.request)


def _request_attribute(key: str, wanted: str, request: Http | None) -> bool:
    if key.startswith("request.auth."):
        return False  # a request without a token
    if not key.startswith("request.headers["):
        raise NotModelled(f"condition {key}")
    headers: Mapping[str, str] = request.headers if request is not None else {}
    value = headers.get(key[len("request.headers[") : -1].lower())
    return value is not None and _matches_text(wanted, value)


def _both(part: Raw, name: str, holds: Callable[[str], bool]) -> Iterator[bool]:
    """The results of a field and of its negation, if they are set."""
    negated = f"not{name[0].upper()}{name[1:]}"
    if part.get(name):
        yield any(holds(each) for each in texts(part, name))
    if part.get(negated):
        yield not any(holds(each) for each in texts(part, negated))


def _matches_text(pattern: str, value: str) -> bool:
    if pattern == "*":
        return bool(value)
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern


def _within(block: str, address: str) -> bool:
    try:
        return is_address(address) and ip_address(address) in ip_network(block, strict=False)
    except ValueError:
        return False
