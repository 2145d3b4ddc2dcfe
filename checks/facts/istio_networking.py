"""Istio's networking kinds, as stored."""

from checks.facts.fact import KubernetesObject, Listed, derived
from checks.model.raw_values import Raw, items, labels, mapping, number, text, texts

NETWORKING = "networking.istio.io"
NETWORKING_VERSIONS = ("v1", "v1beta1", "v1alpha3")
ROOT_NAMESPACE = "aks-istio-system"


class Port:
    """A port of a Gateway server or ServiceEntry.

    `number`, `protocol` (upper case), `name` and `targetPort`.
    """

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.number = number(raw, "number") or 0
        self.protocol = text(raw, "protocol").upper()
        self.name = text(raw, "name")
        self.target = number(raw, "targetPort")


class Server:
    """One `servers[]` entry of a Gateway."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.port = Port(mapping(raw, "port"))
        self.hosts = texts(raw, "hosts")
        self.bind = text(raw, "bind")

    @property
    def host_names(self) -> tuple[str, ...]:
        """Its hosts without the namespace before `/`, in lower case."""
        return tuple(each.rpartition("/")[2].lower() for each in self.hosts)

    @property
    def tls(self) -> Raw | None:
        """Its `tls` block; None if it has none (an empty block is different)."""
        found = self.raw.get("tls")
        return mapping(self.raw, "tls") if found is not None else None

    @property
    def tls_mode(self) -> str:
        """`PASSTHROUGH` for a block without a mode (enum value 0), "" without a block."""
        return "" if self.tls is None else text(self.tls, "mode").upper() or "PASSTHROUGH"


class Exported(KubernetesObject):
    """An object with `exportTo`."""

    __slots__ = ()

    @derived
    def export_to(self) -> tuple[str, ...]:
        """`spec.exportTo` as written.

        If it is empty, the mesh's default applies (all namespaces unless changed).
        """
        return texts(self.raw, "spec", "exportTo")


class Gateway(KubernetesObject):
    __slots__ = ()
    kind = "Gateway"
    origin = Listed(NETWORKING, "gateways", NETWORKING_VERSIONS)

    @derived
    def selector(self) -> dict[str, str]:
        """Pod labels of the proxies that it configures, in any namespace.

        Empty means every gateway proxy.
        """
        return labels(self.raw, "spec", "selector")

    @derived
    def servers(self) -> tuple[Server, ...]:
        return tuple(Server(each) for each in items(self.raw, "spec", "servers"))


class VirtualService(Exported):
    __slots__ = ()
    kind = "VirtualService"
    origin = Listed(NETWORKING, "virtualservices", NETWORKING_VERSIONS)

    @derived
    def hosts(self) -> tuple[str, ...]:
        return texts(self.raw, "spec", "hosts")

    @derived
    def gateways(self) -> tuple[str, ...]:
        """As written; without an entry it is `mesh` only."""
        return texts(self.raw, "spec", "gateways") or ("mesh",)

    @derived
    def http(self) -> tuple[Raw, ...]:
        return items(self.raw, "spec", "http")

    @derived
    def tls(self) -> tuple[Raw, ...]:
        return items(self.raw, "spec", "tls")

    @derived
    def tcp(self) -> tuple[Raw, ...]:
        return items(self.raw, "spec", "tcp")


class DestinationRule(Exported):
    __slots__ = ()
    kind = "DestinationRule"
    origin = Listed(NETWORKING, "destinationrules", NETWORKING_VERSIONS)

    @derived
    def host(self) -> str:
        return text(self.raw, "spec", "host")

    @derived
    def traffic_policy(self) -> Raw:
        return mapping(self.raw, "spec", "trafficPolicy")

    @derived
    def subsets(self) -> tuple[Raw, ...]:
        return items(self.raw, "spec", "subsets")

    @derived
    def workload_selector(self) -> dict[str, str]:
        return labels(self.raw, "spec", "workloadSelector", "matchLabels")


class ServiceEntry(Exported):
    __slots__ = ()
    kind = "ServiceEntry"
    origin = Listed(NETWORKING, "serviceentries", NETWORKING_VERSIONS)

    @derived
    def hosts(self) -> tuple[str, ...]:
        return texts(self.raw, "spec", "hosts")

    @derived
    def ports(self) -> tuple[Port, ...]:
        return tuple(Port(each) for each in items(self.raw, "spec", "ports"))

    @derived
    def resolution(self) -> str:
        """Upper case; `NONE` when it is not set (enum value 0)."""
        return text(self.raw, "spec", "resolution").upper() or "NONE"

    @derived
    def location(self) -> str:
        return text(self.raw, "spec", "location").upper() or "MESH_EXTERNAL"

    @derived
    def endpoints(self) -> tuple[Raw, ...]:
        return items(self.raw, "spec", "endpoints")

    @derived
    def addresses(self) -> tuple[str, ...]:
        return texts(self.raw, "spec", "addresses")


class WorkloadEntry(KubernetesObject):
    """An endpoint outside the cluster that ServiceEntries select by its labels."""

    __slots__ = ()
    kind = "WorkloadEntry"
    origin = Listed(NETWORKING, "workloadentries", NETWORKING_VERSIONS)

    @derived
    def endpoint(self) -> Raw:
        """Its spec, with its labels, as a ServiceEntry lists an endpoint."""
        own = {**self.labels, **labels(self.raw, "spec", "labels")}
        return {**mapping(self.raw, "spec"), "labels": own}


class Sidecar(KubernetesObject):
    __slots__ = ()
    kind = "Sidecar"
    origin = Listed(NETWORKING, "sidecars", NETWORKING_VERSIONS)

    @derived
    def workload_selector(self) -> dict[str, str]:
        return labels(self.raw, "spec", "workloadSelector", "labels")

    @derived
    def egress(self) -> tuple[Raw, ...]:
        return items(self.raw, "spec", "egress")

    @derived
    def outbound_policy(self) -> str | None:
        """`ALLOW_ANY` or `REGISTRY_ONLY` (also for an empty block: enum value 0).

        None if the mesh's policy applies.
        """
        spec = mapping(self.raw, "spec")
        if spec.get("outboundTrafficPolicy") is None:
            return None
        return text(spec, "outboundTrafficPolicy", "mode").upper() or "REGISTRY_ONLY"

    @derived
    def egress_proxy(self) -> tuple[str, int] | None:
        """(host, port) of the service that gets requests to unknown hosts; None without one.

        Only the mode ALLOW_ANY has one.
        """
        found = mapping(self.raw, "spec", "outboundTrafficPolicy", "egressProxy")
        if self.outbound_policy != "ALLOW_ANY" or not found:
            return None
        return text(found, "host"), number(found, "port", "number") or 0


class EnvoyFilter(KubernetesObject):
    __slots__ = ()
    kind = "EnvoyFilter"
    origin = Listed(NETWORKING, "envoyfilters", ("v1alpha3",))

    @derived
    def workload_selector(self) -> dict[str, str]:
        return labels(self.raw, "spec", "workloadSelector", "labels")
