"""Policies with action CUSTOM: without a usable provider, istiod denies what they match."""

from collections import defaultdict
from typing import Any

import pytest
import yaml

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ServiceEntry
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.namespaces import ConfigMap
from checks.istio.mesh.mesh import Mesh
from checks.istio.request.authorization import DownstreamPeer, denied_by
from checks.istio.request.external_authorizers import ExternalAuthorizers
from checks.istio.request.matching import NotModelled
from checks.istio.request.wire import Http

_HTTP = {"name": "authorizer", "envoyExtAuthzHttp": {"service": "auth.example", "port": 8000}}
_GRPC = {"name": "authorizer", "envoyExtAuthzGrpc": {"service": "auth.example", "port": 8000}}
_PATH = {"to": [{"operation": {"paths": ["/admin*"]}}]}


def _policy(action: str = "CUSTOM", provider: str = "authorizer", rule: Any = _PATH, **annotations: str) -> Any:
    metadata = {
        "name": "p",
        "namespace": "team-egress",
        "annotations": {f"istio.io/{k}": v for k, v in annotations.items()},
    }
    return AuthorizationPolicy(
        {"metadata": metadata, "spec": {"action": action, "provider": {"name": provider}, "rules": [rule]}}
    )


def _authorizers(
    *providers: Any, hosts: tuple[str, ...] = ("auth.example",), shared: tuple[Any, ...] = ()
) -> ExternalAuthorizers:
    objects: dict[type[KubernetesObject], list[KubernetesObject]] = defaultdict(list)
    for name, written in (("istio-asm-1-31", providers), ("istio-shared-configmap-asm-1-31", shared)):
        settings = yaml.safe_dump({"extensionProviders": list(written)})
        metadata = {"name": name, "namespace": "aks-istio-system"}
        objects[ConfigMap].append(ConfigMap({"metadata": metadata, "data": {"mesh": settings}}))
    objects[ServiceEntry] = [
        ServiceEntry({"metadata": {"name": f"e{n}", "namespace": f"team-{n}"}, "spec": {"hosts": [host]}})
        for n, host in enumerate(hosts)
    ]
    return ExternalAuthorizers(Mesh("asm-1-31", objects))


def _peer(path: str | None) -> DownstreamPeer:
    return DownstreamPeer(
        "10.0.0.1", "10.0.0.2", 80, "", "", Http("a.example", path=path) if path is not None else None
    )


@pytest.mark.parametrize(
    ("authorizers", "reason"),
    [
        (_authorizers(), "no provider"),
        (_authorizers({"name": "authorizer", "zipkin": {}}), "no provider"),
        (_authorizers(_HTTP, hosts=()), "no service auth.example"),
        (_authorizers(_HTTP, hosts=("auth.example", "auth.example")), "no service auth.example"),
        (_authorizers({**_HTTP, "envoyExtAuthzHttp": {"service": "auth.example", "port": 0}}), "no valid port"),
    ],
)
def test_what_a_policy_without_a_usable_provider_matches_is_denied(
    authorizers: ExternalAuthorizers, reason: str
) -> None:
    policy = _policy()
    assert reason in authorizers.problem(policy, [policy])
    assert denied_by([policy], _peer("/admin/x"), authorizers) == policy
    assert denied_by([policy], _peer("/"), authorizers) is None
    assert denied_by([policy], _peer(None), authorizers) == policy, "on TCP the rule has no paths"


@pytest.mark.parametrize(
    "provider", [_HTTP, {**_HTTP, "envoyExtAuthzHttp": {"service": "team-0/auth.example", "port": 1}}]
)
def test_only_the_authorizer_decides_what_a_policy_matches(provider: Any) -> None:
    authorizers = _authorizers(provider)
    with pytest.raises(NotModelled, match="external authorizer"):
        denied_by([_policy()], _peer("/admin"), authorizers)
    assert denied_by([_policy()], _peer("/"), authorizers) is None
    assert denied_by([_policy()], _peer(None), authorizers) is None, "an authorizer for HTTP ignores TCP"
    denying = _policy("DENY", rule={})
    assert denied_by([_policy(), denying], _peer("/admin"), authorizers) == denying


def test_of_several_providers_with_one_name_the_last_one_counts() -> None:
    """The ConfigMap of the revision comes after the shared one, and adds to it."""
    unusable = {**_HTTP, "envoyExtAuthzHttp": {"service": "missing.example", "port": 1}}
    for authorizers in (_authorizers(unusable, _GRPC), _authorizers(_GRPC, shared=(unusable,))):
        assert authorizers.problem(_policy(), []) == ""
        assert authorizers.reads_tcp(_policy())
    assert _authorizers({**_HTTP, "name": "other"}, shared=(_HTTP,)).problem(_policy(), []) == ""


def test_policies_that_name_several_providers_deny_what_they_match() -> None:
    """istiod gives a workload one external authorizer, or none."""
    authorizers = _authorizers(_HTTP, {**_GRPC, "name": "second"})
    first, second = _policy(), _policy(provider="second", rule={"to": [{"operation": {"paths": ["/x"]}}]})
    for path, denying in (("/admin", first), ("/x", second), ("/", None)):
        assert denied_by([first, second], _peer(path), authorizers) == denying
    assert denied_by([first, second], _peer(None), authorizers) == first, "on TCP, also one for HTTP"
    with pytest.raises(NotModelled):
        denied_by([first, _policy("ALLOW", provider="second", rule={})], _peer("/admin"), authorizers)


def test_an_authorizer_for_grpc_also_decides_about_tcp() -> None:
    with pytest.raises(NotModelled):
        denied_by([_policy()], _peer(None), _authorizers(_GRPC))


def test_a_dry_run_denies_nothing() -> None:
    authorizers = _authorizers()
    dry = {"dry-run": "true"}
    assert denied_by([_policy("DENY", rule={}, **dry), _policy("ALLOW", **dry)], _peer("/"), authorizers) is None
    assert denied_by([_policy("DENY", rule={}, **{"dry-run": "false"})], _peer("/"), authorizers) is not None
    with pytest.raises(NotModelled):
        denied_by([_policy(**dry)], _peer("/admin"), authorizers)
