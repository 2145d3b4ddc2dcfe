"""External authorizers that policies with action CUSTOM name, as istiod resolves them.

Source: Istio `processExtensionProvider`, `validateProviderName` in `pilot/pkg/security/authz/builder/extauthz.go`,
`buildHTTP`, `buildTCP` in `builder.go`, `LookupCluster` in `pilot/pkg/model/telemetry_logging.go`.
"""

import re
from collections.abc import Iterable, Mapping

from checks.facts.istio_policies import AuthorizationPolicy
from checks.istio.mesh.mesh import Mesh
from checks.model.raw_values import Raw, mapping, number, text

_HTTP, _GRPC = "envoyExtAuthzHttp", "envoyExtAuthzGrpc"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def provider_name(policy: AuthorizationPolicy) -> str:
    """The extension provider that a policy with action CUSTOM names."""
    return text(policy.raw, "spec", "provider", "name")


def named_providers(policies: Iterable[AuthorizationPolicy]) -> tuple[str, ...]:
    """The extension providers that the policies with action CUSTOM name."""
    return tuple(sorted({provider_name(each) for each in policies if each.action == "CUSTOM"}))


class ExternalAuthorizers:
    """The external authorizers of a mesh.

    istiod denies the requests that a policy without a usable authorizer matches. A workload can have one authorizer: if
    its policies name several, none is usable (`PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS`, which the add-on does not
    set).
    """

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        providers = mesh.configuration.extension_providers
        self._known = {text(each, "name"): each for each in providers if _HTTP in each or _GRPC in each}

    def problem(self, policy: AuthorizationPolicy, policies: Iterable[AuthorizationPolicy]) -> str:
        """Why a policy has no usable authorizer, "" if it has one.

        `policies` are those that apply to its workload.
        """
        if len(names := named_providers(policies)) > 1:
            return f"the policies of one workload name the providers {', '.join(names)}"
        name = provider_name(policy)
        if name not in self._known:
            return f"the mesh configuration has no provider {name}"
        if not _NAME.fullmatch(name):
            return f"{name} is no valid name of a provider"
        settings = _settings(self._known[name])
        if not 0 < (number(settings, "port") or 0) < 65536:
            return f"provider {name} has no valid port"
        return "" if self._has_service(text(settings, "service")) else f"no service {text(settings, 'service')} exists"

    def reads_tcp(self, policy: AuthorizationPolicy) -> bool:
        """Whether the authorizer of a policy also decides about TCP; one for HTTP ignores it."""
        return _GRPC in self._known.get(provider_name(policy), {})

    def _has_service(self, written: str) -> bool:
        """Whether a service has the host.

        It is in the namespace that is written before the host, else in only one.
        """
        namespace, slash, host = written.partition("/")
        found: Mapping[str, object] = self.mesh.exports.by_host.get(host if slash else written, {})
        return namespace in found if slash else len(found) == 1


def _settings(provider: Raw) -> Raw:
    return mapping(provider, _HTTP) or mapping(provider, _GRPC)
