"""The static egress gateway's custom resources.

Sources: docs/domain/custom-resources.md; kube-egress-gateway `api/v1alpha1`.

None of them has `status.conditions` or `observedGeneration`: state is derived from fields, finalizers and events.
"""

from dataclasses import dataclass

from checks.facts.fact import KubernetesObject, Listed, derived
from checks.model.raw_values import Raw, at, flag, items, mapping, number, text, texts

GROUP = "egressgateway.kubernetes.azure.com"


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """`status.gatewayServerProfile`: the WireGuard server that pods connect to."""

    ip: str
    port: int
    public_key: str
    secret: tuple[str, str]
    """(namespace, name) of the Secret with the private key; ("", "") if none is named yet."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The missing fields; the gateway daemon waits for all four and the prefix."""
        absent = {
            "ip": not self.ip,
            "port": not self.port,
            "publicKey": not self.public_key,
            "privateKeySecretRef": not self.secret[1],
        }
        return tuple(name for name, missing in absent.items() if missing)


REPLACES = "egress-diag/replaces"
"""The annotation of a StaticGatewayConfiguration that replaces another one (SEG-7).

Its value is the name of the other one in the same namespace.
"""


class StaticGatewayConfiguration(KubernetesObject):
    """The node pool and the public IP prefix through which traffic of annotated pods is routed."""

    __slots__ = ()
    kind = "StaticGatewayConfiguration"
    origin = Listed(GROUP, "staticgatewayconfigurations", ("v1alpha1",), may_be_absent=True)

    @derived
    def pool(self) -> str:
        return text(self.raw, "spec", "gatewayNodepoolName")

    @derived
    def replaces(self) -> str:
        """The name of the StaticGatewayConfiguration that it was created to replace, "" if none."""
        return self.annotations.get(REPLACES, "")

    @derived
    def scale_set(self) -> Raw:
        """`spec.gatewayVmssProfile` of the open-source operator; empty on AKS."""
        return mapping(self.raw, "spec", "gatewayVmssProfile")

    @derived
    def default_route(self) -> str:
        return text(self.raw, "spec", "defaultRoute") or "staticEgressGateway"

    @derived
    def exclude_cidrs(self) -> tuple[str, ...]:
        return texts(self.raw, "spec", "excludeCidrs")

    @derived
    def provisions_public_ips(self) -> bool:
        return flag(self.raw, "spec", "provisionPublicIps") is not False

    @derived
    def public_ip_prefix_id(self) -> str:
        return text(self.raw, "spec", "publicIpPrefixId")

    @derived
    def egress_prefix(self) -> str:
        """One CIDR, or in private-IP mode addresses separated by commas.

        "" until Azure has assigned it.
        """
        return text(self.raw, "status", "egressIpPrefix")

    @derived
    def server(self) -> ServerProfile:
        profile = mapping(self.raw, "status", "gatewayServerProfile")
        return ServerProfile(
            ip=text(profile, "ip"),
            port=number(profile, "port") or 0,
            public_key=text(profile, "publicKey"),
            secret=(text(profile, "privateKeySecretRef", "namespace"), text(profile, "privateKeySecretRef", "name")),
        )


class GatewayLBConfiguration(KubernetesObject):
    __slots__ = ()
    kind = "GatewayLBConfiguration"
    origin = Listed(GROUP, "gatewaylbconfigurations", ("v1alpha1",), may_be_absent=True)

    @derived
    def frontend_ip(self) -> str:
        return text(self.raw, "status", "frontendIp")


class GatewayVMConfiguration(KubernetesObject):
    __slots__ = ()
    kind = "GatewayVMConfiguration"
    origin = Listed(GROUP, "gatewayvmconfigurations", ("v1alpha1",), may_be_absent=True)

    @derived
    def pool(self) -> str:
        return text(self.raw, "spec", "gatewayNodepoolName")

    @derived
    def profiles(self) -> int | None:
        """The number of nodes with an address of the prefix; None without a status.

        Compare counts, not names: VirtualMachines pools list NICs here."""
        if at(self.raw, "status") is None:
            return None
        return len(items(self.raw, "status", "gatewayVMProfiles"))

    @derived
    def addresses(self) -> tuple[tuple[str, str], ...]:
        """A name and a private address for egress, of each node.

        The name is that of the node, in a VirtualMachines pool that of its network interface.
        """
        return tuple(
            (text(each, "nodeName"), text(each, "secondaryIP"))
            for each in items(self.raw, "status", "gatewayVMProfiles")
        )


class GatewayStatus(KubernetesObject):
    """The StaticGatewayConfigurations and peers that the daemon of one gateway node serves.

    The object has the name of its node.
    """

    __slots__ = ()
    kind = "GatewayStatus"
    origin = Listed(GROUP, "gatewaystatuses", ("v1alpha1",), may_be_absent=True)

    @derived
    def configurations(self) -> tuple[str, ...]:
        """`namespace/name` of the StaticGatewayConfigurations that this node serves."""
        return tuple(
            text(each, "staticGatewayConfiguration") for each in items(self.raw, "spec", "readyGatewayConfigurations")
        )

    @derived
    def peers(self) -> tuple[str, ...]:
        """`namespace/name` of the PodEndpoints that are WireGuard peers of this node."""
        return tuple(text(each, "podEndpoint") for each in items(self.raw, "spec", "readyPeerConfigurations"))


class PodEndpoint(KubernetesObject):
    """A pod's WireGuard endpoint, named like the pod.

    The cni-manager writes it when the pod's network is set up.
    """

    __slots__ = ()
    kind = "PodEndpoint"
    origin = Listed(GROUP, "podendpoints", ("v1alpha1",), may_be_absent=True)

    @derived
    def pod_ip(self) -> str:
        """The address without its mask."""
        return text(self.raw, "spec", "podIpAddress").partition("/")[0]
