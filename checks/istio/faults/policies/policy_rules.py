"""Why a rule of an AuthorizationPolicy does not match a request at the gateway.

Source: docs/rulings.md#ruling-25.
"""

from collections.abc import Iterator

from checks.istio.request.authorization import DownstreamPeer, matches_rule
from checks.istio.request.matching import NotModelled
from checks.model.raw_values import Raw, items, mapping, text, texts

_IDENTITY = ("principals", "namespaces", "serviceAccounts", "trustDomains")
_IDENTITY_KEYS = ("source.namespace", "source.principal", "source.serviceAccount")
_HTTP = ("hosts", "methods", "paths")


def needs_identity(rule: Raw) -> bool:
    """Whether a rule matches only clients with an identity."""
    sources = [mapping(each, "source") for each in items(rule, "from")]
    conditions = [text(each, "key") for each in items(rule, "when") if texts(each, "values")]
    return (bool(sources) and all(set(each) & {*_IDENTITY} for each in sources)) or bool(
        {*conditions} & {*_IDENTITY_KEYS}
    )


def names_requests(rule: Raw) -> bool:
    """Whether a rule matches only some methods or paths."""
    return any(set(mapping(each, "operation")) & {"methods", "paths"} for each in items(rule, "to"))


def unmatched(rule: Raw, peer: DownstreamPeer) -> tuple[str, ...]:
    """The fields of an ALLOW rule that do not match, each with the reason."""
    found: list[str] = []
    for part, key in (("from", "source"), ("to", "operation")):
        entries = [mapping(each, key) for each in items(rule, part)]
        failing = [list(_failing(part, key, each, peer)) for each in entries]
        if entries and all(failing):
            found += [reason for reasons in failing for reason in reasons]
    for condition in items(rule, "when"):
        if not _matches({"when": [condition]}, peer):
            key = text(condition, "key")
            shown = ", ".join((*texts(condition, "values"), *(f"not {each}" for each in texts(condition, "notValues"))))
            found.append(f"when {key} {shown}{_why(key, key in _IDENTITY_KEYS, key.startswith('request.'), peer)}")
    return tuple(dict.fromkeys(found))


def _failing(part: str, key: str, content: Raw, peer: DownstreamPeer) -> Iterator[str]:
    """The fields of one source or operation that do not match."""
    for field, values in content.items():
        if _matches({part: [{key: {field: values}}]}, peer):
            continue
        positive = field.removeprefix("not")
        positive = positive[:1].lower() + positive[1:]
        http = positive in _HTTP or positive == "requestPrincipals"
        shown = ", ".join(str(each) for each in values) if isinstance(values, list | tuple) else str(values)
        yield f"{field} {shown}{_why(field, positive in _IDENTITY, http, peer)}"


def _matches(rule: Raw, peer: DownstreamPeer) -> bool:
    try:
        return matches_rule(rule, peer, deny=False)
    except NotModelled:
        return True


def _why(field: str, identity: bool, http: bool, peer: DownstreamPeer) -> str:
    if http and peer.request is None:
        return " (an HTTP field, which never matches on TCP)"
    if identity and not peer.identity:
        return " (without mutual TLS to the gateway, clients have no identity)"
    observed = {
        "ports": str(peer.port),
        "hosts": peer.request.authority if peer.request is not None else "",
        "connection.sni": peer.server_name or "none",
        "principals": peer.identity.removeprefix("spiffe://"),
        "source.principal": peer.identity.removeprefix("spiffe://"),
        "namespaces": peer.identity.partition("/ns/")[2].partition("/")[0],
        "source.namespace": peer.identity.partition("/ns/")[2].partition("/")[0],
        "destination.port": str(peer.port),
    }.get(field, "")
    return f" (the request has {observed})" if observed else ""
