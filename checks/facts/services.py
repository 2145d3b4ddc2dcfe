"""Services and their endpoints."""

from checks.facts.fact import KubernetesObject, Listed, derived
from checks.model.raw_values import Raw, flag, items, labels, number, text, texts


class ServicePort:
    """A port of a Service."""

    def __init__(self, raw: Raw) -> None:
        self.name = text(raw, "name")
        self.port = number(raw, "port") or 0
        self.target = text(raw, "targetPort")
        self.protocol = text(raw, "protocol") or "TCP"


class Service(KubernetesObject):
    __slots__ = ()
    kind = "Service"
    origin = Listed("", "services")

    @derived
    def type(self) -> str:
        return text(self.raw, "spec", "type") or "ClusterIP"

    @derived
    def cluster_ip(self) -> str:
        return text(self.raw, "spec", "clusterIP")

    @derived
    def external_ips(self) -> tuple[str, ...]:
        given = texts(self.raw, "spec", "externalIPs")
        balanced = tuple(
            text(each, "ip") or text(each, "hostname") for each in items(self.raw, "status", "loadBalancer", "ingress")
        )
        return given + tuple(each for each in balanced if each)

    @derived
    def ports(self) -> tuple[ServicePort, ...]:
        return tuple(ServicePort(each) for each in items(self.raw, "spec", "ports"))

    @derived
    def selector(self) -> dict[str, str]:
        return labels(self.raw, "spec", "selector")

    @derived
    def host(self) -> str:
        """Its name in the mesh, `name.namespace.svc.cluster.local`."""
        return f"{self.name}.{self.namespace}.svc.cluster.local"


class EndpointSlice(KubernetesObject):
    __slots__ = ()
    kind = "EndpointSlice"
    origin = Listed("discovery.k8s.io", "endpointslices")

    @derived
    def service(self) -> str:
        return text(self.raw, "metadata", "labels", "kubernetes.io/service-name")

    @derived
    def ready_addresses(self) -> tuple[str, ...]:
        """Addresses whose `ready` condition is true or not set (which means ready)."""
        return tuple(
            address
            for endpoint in items(self.raw, "endpoints")
            if flag(endpoint, "conditions", "ready") is not False
            for address in texts(endpoint, "addresses")
        )
