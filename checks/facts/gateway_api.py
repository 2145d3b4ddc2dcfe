"""The Kubernetes Gateway API's kinds, as stored."""

from checks.facts.fact import KubernetesObject, Listed, derived
from checks.model.raw_values import Raw, items, text, texts

GATEWAY_API = "gateway.networking.k8s.io"


class GatewayClass(KubernetesObject):
    __slots__ = ()
    kind = "GatewayClass"
    origin = Listed(GATEWAY_API, "gatewayclasses", ("v1", "v1beta1"), namespaced=False, may_be_absent=True)

    @derived
    def controller(self) -> str:
        return text(self.raw, "spec", "controllerName")


class KubernetesGateway(KubernetesObject):
    """A Gateway of the Kubernetes Gateway API (not Istio's)."""

    __slots__ = ()
    kind = "Gateway"
    origin = Listed(GATEWAY_API, "gateways", ("v1", "v1beta1"), may_be_absent=True)

    @derived
    def gateway_class(self) -> str:
        return text(self.raw, "spec", "gatewayClassName")

    @derived
    def addresses(self) -> tuple[tuple[str, str], ...]:
        """(type, value) of each requested address."""
        return tuple((text(a, "type"), text(a, "value")) for a in items(self.raw, "spec", "addresses"))

    def has_address(self, host: str) -> bool:
        """Whether the host name of a Service is one of its requested addresses.

        A name without a dot is a Service of its namespace.
        """
        named = (value.lower() for kind, value in self.addresses if kind == "Hostname")
        own = f".{self.namespace}.svc.cluster.local"
        return any(host.lower() == (each if "." in each else each + own) for each in named)


class GatewayRoute(KubernetesObject):
    """A route of the Gateway API, of any kind."""

    __slots__ = ()

    @derived
    def parents(self) -> tuple[tuple[str, str], ...]:
        """(namespace, name) of the Gateways it attaches to."""
        return tuple(
            (text(p, "namespace") or self.namespace, text(p, "name")) for p in items(self.raw, "spec", "parentRefs")
        )

    @derived
    def hostnames(self) -> tuple[str, ...]:
        return texts(self.raw, "spec", "hostnames")

    @derived
    def rules(self) -> tuple[Raw, ...]:
        return items(self.raw, "spec", "rules")


class HTTPRoute(GatewayRoute):
    __slots__ = ()
    kind = "HTTPRoute"
    origin = Listed(GATEWAY_API, "httproutes", ("v1", "v1beta1"), may_be_absent=True)


class GRPCRoute(GatewayRoute):
    __slots__ = ()
    kind = "GRPCRoute"
    origin = Listed(GATEWAY_API, "grpcroutes", ("v1",), may_be_absent=True)


class TLSRoute(GatewayRoute):
    __slots__ = ()
    kind = "TLSRoute"
    origin = Listed(GATEWAY_API, "tlsroutes", ("v1", "v1alpha3", "v1alpha2"), may_be_absent=True)


class TCPRoute(GatewayRoute):
    __slots__ = ()
    kind = "TCPRoute"
    origin = Listed(GATEWAY_API, "tcproutes", ("v1", "v1alpha2"), may_be_absent=True)


class ListenerSet(KubernetesObject):
    """More listeners for a Gateway, written in another object."""

    __slots__ = ()
    kind = "ListenerSet"
    origin = Listed(GATEWAY_API, "listenersets", may_be_absent=True)


class ReferenceGrant(KubernetesObject):
    """Permission for objects of other namespaces to name objects of this one."""

    __slots__ = ()
    kind = "ReferenceGrant"
    origin = Listed(GATEWAY_API, "referencegrants", ("v1", "v1beta1"), may_be_absent=True)


class BackendTLSPolicy(KubernetesObject):
    """TLS from proxies to a Service or ServiceEntry."""

    __slots__ = ()
    kind = "BackendTLSPolicy"
    origin = Listed(GATEWAY_API, "backendtlspolicies", ("v1", "v1alpha3"), may_be_absent=True)
