"""The Kubernetes Gateway API's kinds, as stored."""

from checks.facts.fact import KubernetesObject, Listed
from checks.model.raw_values import items, text

GATEWAY_API = "gateway.networking.k8s.io"


class KubernetesGateway(KubernetesObject):
    """A Gateway of the Kubernetes Gateway API (not Istio's)."""

    __slots__ = ()
    kind = "Gateway"
    origin = Listed(GATEWAY_API, "gateways", ("v1", "v1beta1"), may_be_absent=True)

    @property
    def gateway_class(self) -> str:
        return text(self.raw, "spec", "gatewayClassName")

    @property
    def addresses(self) -> tuple[tuple[str, str], ...]:
        """(type, value) of each requested address."""
        return tuple((text(a, "type"), text(a, "value")) for a in items(self.raw, "spec", "addresses"))


class HTTPRoute(KubernetesObject):
    __slots__ = ()
    kind = "HTTPRoute"
    origin = Listed(GATEWAY_API, "httproutes", ("v1", "v1beta1"), may_be_absent=True)

    @property
    def parents(self) -> tuple[tuple[str, str], ...]:
        """(namespace, name) of the Gateways it attaches to."""
        return tuple(
            (text(p, "namespace") or self.namespace, text(p, "name")) for p in items(self.raw, "spec", "parentRefs")
        )
