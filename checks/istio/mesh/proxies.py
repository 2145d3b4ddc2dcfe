"""The proxies of the mesh: sidecars and gateways, as their pods describe them to istiod."""

from collections.abc import Mapping
from dataclasses import dataclass

from checks.facts.pods import Pod
from checks.istio.mesh.configuration import MeshConfiguration
from checks.istio.mesh.objects.hosts import DOMAIN
from checks.istio.mesh.services import UNSPECIFIED, MeshService
from checks.model.raw_values import items, text, texts

_META = "ISTIO_META_"


@dataclass(frozen=True, slots=True, eq=False)
class Proxy:
    """A proxy, with the properties from which istiod generates its configuration."""

    namespace: str
    labels: Mapping[str, str]
    revision: str
    gateway: bool
    """A gateway (`router`) or a sidecar."""
    account: str
    metadata: Mapping[str, str]
    """`ISTIO_META_*` of its container, without the prefix.

    The injector writes the mesh's `proxyMetadata` there.
    """
    annotations: Mapping[str, str]
    pod: Pod

    @property
    def captures_dns(self) -> bool:
        """Whether it answers the DNS queries of its pod."""
        return self.metadata.get("DNS_CAPTURE", "").lower() == "true"

    def address_of(self, service: MeshService) -> str:
        """The address of a service for this proxy."""
        if self.captures_dns and service.address == UNSPECIFIED and service.allocated:
            return service.allocated
        return service.address

    def abbreviations(self, host: str) -> list[str]:
        """Other names of a host that a client of this proxy can use.

        Source: Istio `GenerateAltVirtualHosts`.
        """
        found = [f"{host}."]
        suffix = f".svc.{DOMAIN}"
        if host.endswith(suffix):
            bare = host.removesuffix(suffix)
            name, _, namespace = bare.partition(".")
            found += [bare, f"{bare}.svc"]
            if namespace == self.namespace:
                found.append(name)
        return found

    def identity(self, mesh: MeshConfiguration) -> str:
        """Its SPIFFE identity."""
        return f"spiffe://{mesh.trust_domain}/ns/{self.namespace}/sa/{self.account}"


def proxy_of(pod: Pod) -> Proxy | None:
    """The proxy of a pod; None if it has none."""
    containers = [*items(pod.raw, "spec", "containers"), *items(pod.raw, "spec", "initContainers")]
    found = next((each for each in containers if text(each, "name") == "istio-proxy"), None)
    if found is None:
        return None
    environment = {text(each, "name"): text(each, "value") for each in items(found, "env")}
    return Proxy(
        namespace=pod.namespace,
        labels=pod.labels,
        revision=pod.revision,
        gateway="router" in texts(found, "args"),
        account=pod.service_account or "default",
        metadata={name.removeprefix(_META): value for name, value in environment.items() if name.startswith(_META)},
        annotations=pod.annotations,
        pod=pod,
    )
