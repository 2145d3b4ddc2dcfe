"""Authorization and authentication policies, and EnvoyFilters, at either side."""

from __future__ import annotations

from tests.istiod.meshes.draft import API, NAMESPACE, PAY, ROOT, Change, Draft, Json, changes
from tests.istiod.meshes.envoy_filters import patches

_FROM: list[Json] = [
    {"namespaces": ["team-a"]},
    {"notNamespaces": ["team-a"]},
    {"principals": ["cluster.local/ns/team-a/sa/default"]},
    {"principals": ["*"]},
    {"notPrincipals": ["cluster.local/ns/team-a/sa/*"]},
    {"serviceAccounts": ["team-a/default"]},
    {"ipBlocks": ["10.244.0.0/16"]},
    {"notIpBlocks": ["10.244.0.0/16"]},
    {"remoteIpBlocks": ["10.244.0.0/16"]},
    {"requestPrincipals": ["*"]},
    {"notRequestPrincipals": ["*"]},
    {"notRemoteIpBlocks": ["10.244.0.0/16"]},
    {"notServiceAccounts": ["team-a/default"]},
    {"trustDomains": ["cluster.local"]},
    {"notTrustDomains": ["cluster.local"]},
]
_TO: list[Json] = [
    {"hosts": [API]},
    {"hosts": ["*.bank.example"]},
    {"notHosts": [API]},
    {"ports": ["80"]},
    {"ports": ["443"]},
    {"notPorts": ["443"]},
    {"methods": ["GET"]},
    {"notMethods": ["GET"]},
    {"paths": ["/v1*"]},
    {"notPaths": ["/v1*"]},
]
_WHEN: list[Json] = [
    {"key": "connection.sni", "values": [API]},
    {"key": "connection.sni", "notValues": [API]},
    {"key": "connection.sni", "values": [PAY]},
    {"key": "source.namespace", "values": ["team-a"]},
    {"key": "source.principal", "values": ["cluster.local/ns/team-a/sa/default"]},
    {"key": "destination.port", "values": ["443"]},
    {"key": "destination.port", "notValues": ["80"]},
    {"key": "request.headers[x-team]", "values": ["a"]},
    {"key": "request.auth.claims[iss]", "values": ["x"]},
]

_KEYS = (
    '{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"k",'
    '"x":"njIUlhoeIMpJ4K6lLXJb2FjB8VLH2b1pMtF2oA3Vnfw","y":"RLbOfVsRb6CL3Qov-p7T2XSZTNdzSavKpzpc88-hwiE"}]}'
)


def _rule(draft: Draft) -> Json:
    rule: Json = {}
    if draft.rng.random() < 0.6:
        rule["from"] = [{"source": draft.pick(_FROM)}]
    if draft.rng.random() < 0.5:
        rule["to"] = [{"operation": draft.pick(_TO)}]
    if draft.rng.random() < 0.4:
        rule["when"] = [draft.pick(_WHEN)]
    return rule


def _authorization(draft: Draft) -> bool:
    spec: Json = {"action": draft.pick(["ALLOW", "ALLOW", "DENY", "AUDIT"]), "rules": [_rule(draft)]}
    if draft.rng.random() < 0.2:
        spec["rules"].append(_rule(draft))
    if draft.rng.random() < 0.6:
        spec["selector"] = {"matchLabels": draft.pick([{"istio": "egw"}, {"istio": "egw"}, {"app": "other"}])}
    draft.paths.append("/v1")
    draft.headers.append(("x-team", "a"))
    if draft.rng.random() < 0.1:
        spec.pop("selector", None)
        spec["targetRefs"] = [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "bank"}]
    draft.add("AuthorizationPolicy", f"policy-{len(draft.objects)}", spec, draft.pick([NAMESPACE, NAMESPACE, ROOT]))
    return True


def _nothing_allowed(draft: Draft) -> bool:
    draft.add("AuthorizationPolicy", "nothing", draft.pick([{}, {"action": "DENY", "rules": [{}]}, {"rules": [{}]}]))
    return True


def _peers(draft: Draft) -> bool:
    spec = {"mtls": {"mode": draft.pick(["STRICT", "DISABLE", "PERMISSIVE"])}}
    draft.add("PeerAuthentication", "peers", spec, draft.pick([NAMESPACE, "team-a", ROOT]))
    return True


def _requests(draft: Draft) -> bool:
    rule = {"issuer": "issuer.example", "jwks": _KEYS}
    draft.add("RequestAuthentication", "requests", {"jwtRules": [rule]}, draft.pick([NAMESPACE, ROOT]))
    return True


def _filter(draft: Draft) -> bool:
    _filtered(draft, "filter", draft.pick(patches(draft)))
    return True


def _filters(draft: Draft) -> bool:
    """Several patches, of one filter or of two with their own priority."""
    chosen = [draft.pick(patches(draft)), draft.pick(patches(draft))]
    if draft.rng.random() < 0.5:
        _filtered(draft, "filter", *chosen)
    else:
        _filtered(draft, "filter", chosen[0], priority=draft.pick([0, 10]))
        _filtered(draft, "other", chosen[1], priority=draft.pick([0, -10]))
    return True


def _filtered(draft: Draft, name: str, *patches: Json, priority: int = 0) -> None:
    spec: Json = {"configPatches": list(patches), **({"priority": priority} if priority else {})}
    namespace = draft.pick([NAMESPACE, "team-a", ROOT])
    chance = draft.rng.random()
    if chance < 0.4:
        spec["workloadSelector"] = {"labels": draft.pick([{"istio": "egw"}, {"app": "web"}])}
    elif chance < 0.5:
        spec["targetRefs"] = [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "bank"}]
    draft.add("EnvoyFilter", name, spec, namespace)


def _plugin(draft: Draft) -> bool:
    spec = {"selector": {"matchLabels": {"istio": "egw"}}, "url": "oci://registry.example/filter:1", "phase": "AUTHN"}
    plugin = draft.add("WasmPlugin", "plugin", spec, draft.pick([NAMESPACE, "team-a"]))
    plugin["apiVersion"] = "extensions.istio.io/v1alpha1"
    return True


def _telemetry(draft: Draft) -> bool:
    spec: Json = {"accessLogging": [{"providers": [{"name": "envoy"}], "disabled": draft.pick([True, False])}]}
    draft.add("Telemetry", "logs", spec, draft.pick([NAMESPACE, ROOT]))["apiVersion"] = "telemetry.istio.io/v1"
    return True


def _external(draft: Draft) -> bool:
    """A policy with an external authorizer, whose answer is in no object."""
    draft.mesh["extensionProviders"] = [_provider(draft, "authorizer")]
    _ask(draft, "external", "authorizer")
    return True


def _several_external(draft: Draft) -> bool:
    """Policies that name several authorizers, some of which are not defined."""
    names = ["authorizer", "second"]
    draft.mesh["extensionProviders"] = [_provider(draft, each) for each in names if draft.rng.random() < 0.8]
    _ask(draft, "external", names[0])
    _ask(draft, "second", draft.pick(names))
    return True


def _provider(draft: Draft, name: str) -> Json:
    host = draft.pick(["authorizer.example", API, API])
    return {"name": name, draft.pick(["envoyExtAuthzHttp", "envoyExtAuthzGrpc"]): {"service": host, "port": 8000}}


def _ask(draft: Draft, name: str, provider: str) -> None:
    spec = {"action": "CUSTOM", "provider": {"name": provider}, "rules": [_rule(draft)]}
    draft.paths.append("/v1")
    draft.add("AuthorizationPolicy", name, spec)


@changes("policy")
def _changes() -> dict[str, Change]:
    return {
        "AuthorizationPolicy": _authorization,
        "AuthorizationPolicy twice": lambda draft: _authorization(draft) and _authorization(draft),
        "AuthorizationPolicy nothing": _nothing_allowed,
        "AuthorizationPolicy CUSTOM": _external,
        "AuthorizationPolicy CUSTOM several": _several_external,
        "PeerAuthentication": _peers,
        "RequestAuthentication": _requests,
        "EnvoyFilter": _filter,
        "EnvoyFilter several": _filters,
        "WasmPlugin": _plugin,
        "Telemetry": _telemetry,
    }
