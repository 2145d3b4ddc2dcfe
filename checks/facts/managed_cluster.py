"""The AKS managed cluster as Azure describes it, with its service mesh profile."""

from checks.facts.agent_pools import AgentPool
from checks.facts.azure_json import arm_segment, provisioning_error_of
from checks.facts.fact import AzureCall, Fact, derived
from checks.model.raw_values import Raw, flag, items, mapping, text, texts


class EgressGatewayEntry:
    """One entry of `serviceMeshProfile.istio.components.egressGateways`."""

    DEFAULT_NAMESPACE = "aks-istio-egress"

    def __init__(self, raw: Raw) -> None:
        self.raw = raw

    @property
    def name(self) -> str:
        return text(self.raw, "name")

    @property
    def namespace(self) -> str:
        return text(self.raw, "namespace") or self.DEFAULT_NAMESPACE

    @property
    def enabled(self) -> bool:
        return flag(self.raw, "enabled") is not False

    @property
    def configuration(self) -> str:
        """The name of its StaticGatewayConfiguration, "" if it is not set."""
        return text(self.raw, "gatewayconfigurationname")


class ManagedCluster(Fact):
    """The AKS cluster as Azure describes it.

    Keys are canonical: lower case, without `properties`.
    """

    __slots__ = ()
    origin = AzureCall("managedClusters", "Microsoft.ContainerService/managedClusters/read")

    @derived
    def id(self) -> str:
        return text(self.raw, "id")

    @derived
    def name(self) -> str:
        return text(self.raw, "name")

    @derived
    def ref(self) -> str:
        return f"managed cluster {self.name}"

    @derived
    def location(self) -> str:
        return text(self.raw, "location")

    @derived
    def subscription(self) -> str:
        return arm_segment(self.id, "subscriptions")

    @derived
    def resource_group(self) -> str:
        return arm_segment(self.id, "resourcegroups")

    @derived
    def node_resource_group(self) -> str:
        """The node resource group (`MC_…`).

        AKS creates load balancers, scale sets and prefixes in it.
        """
        return text(self.raw, "noderesourcegroup")

    @derived
    def node_resource_path(self) -> str:
        """The ARM id of the node resource group, "" if it is not known."""
        if not self.subscription or not self.node_resource_group:
            return ""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.node_resource_group}"

    @derived
    def provisioning_state(self) -> str:
        return text(self.raw, "provisioningstate")

    @derived
    def running_operation(self) -> str:
        """The state of Azure's running operation on the cluster, "" if none runs."""
        state = self.provisioning_state
        return "" if state.lower() in ("", "succeeded", "failed", "canceled") else state

    @derived
    def power_state(self) -> str:
        return text(self.raw, "powerstate", "code")

    @derived
    def provisioning_error(self) -> str:
        """Code and message of `status.provisioningError`, "" without an error."""
        return provisioning_error_of(self.raw)

    @derived
    def kubernetes_version(self) -> str:
        return text(self.raw, "currentkubernetesversion") or text(self.raw, "kubernetesversion")

    @derived
    def mesh_mode(self) -> str:
        return text(self.raw, "servicemeshprofile", "mode")

    @derived
    def revisions(self) -> tuple[str, ...]:
        """The installed mesh revisions, oldest first; two during an upgrade."""
        return texts(self.raw, "servicemeshprofile", "istio", "revisions")

    @derived
    def egress_gateways(self) -> tuple[EgressGatewayEntry, ...]:
        found = items(self.raw, "servicemeshprofile", "istio", "components", "egressgateways")
        return tuple(EgressGatewayEntry(each) for each in found)

    @derived
    def static_egress_enabled(self) -> bool:
        return flag(self.raw, "networkprofile", "staticegressgatewayprofile", "enabled") is True

    @derived
    def network(self) -> Raw:
        return mapping(self.raw, "networkprofile")

    @derived
    def network_plugin(self) -> str:
        return text(self.network, "networkplugin").lower()

    @derived
    def network_plugin_mode(self) -> str:
        return text(self.network, "networkpluginmode").lower()

    @derived
    def network_policy(self) -> str:
        """The engine that enforces NetworkPolicies: `azure`, `calico`, `cilium`.

        "" if there is none.
        """
        named = text(self.network, "networkpolicy").lower()
        dataplane = text(self.network, "networkdataplane").lower()
        return named if named not in ("", "none") else "cilium" if dataplane == "cilium" else ""

    @derived
    def network_dataplane(self) -> str:
        return text(self.network, "networkdataplane").lower()

    @derived
    def ip_families(self) -> tuple[str, ...]:
        return texts(self.network, "ipfamilies")

    @derived
    def pod_cidrs(self) -> tuple[str, ...]:
        return texts(self.network, "podcidrs") or texts(self.network, "podcidr")

    @derived
    def service_cidrs(self) -> tuple[str, ...]:
        return texts(self.network, "servicecidrs") or texts(self.network, "servicecidr")

    @derived
    def outbound_type(self) -> str:
        return text(self.network, "outboundtype")

    @derived
    def outbound_ip_ids(self) -> tuple[str, ...]:
        """The ARM ids of the public IPs of its load balancer or NAT gateway."""
        profile = mapping(self.network, "loadbalancerprofile") or mapping(self.network, "natgatewayprofile")
        return tuple(filter(None, (text(each, "id") for each in items(profile, "effectiveoutboundips"))))

    @derived
    def private(self) -> bool:
        return flag(self.raw, "apiserveraccessprofile", "enableprivatecluster") is True

    @derived
    def authorized_ranges(self) -> tuple[str, ...]:
        return texts(self.raw, "apiserveraccessprofile", "authorizedipranges")

    @derived
    def run_command(self) -> bool:
        """Whether `az aks command invoke` is enabled, which reaches the cluster from any network."""
        return flag(self.raw, "apiserveraccessprofile", "disableruncommand") is not True

    @derived
    def long_term_support(self) -> bool:
        return text(self.raw, "supportplan").lower() == "akslongtermsupport"

    @derived
    def complete(self) -> bool:
        """Whether the answer is complete: every cluster has a state and a network profile.

        A truncated body must not look like a cluster in which nothing is enabled."""
        return bool(self.provisioning_state or self.network)

    @derived
    def has_profile(self) -> bool:
        """Whether the answer lists the egress gateways, or shows that the mesh is not enabled."""
        return self.complete or bool(self.mesh_mode)

    @derived
    def pools(self) -> "tuple[AgentPool, ...]":
        """The node pools in the managed cluster's answer.

        They are used if the list of node pools cannot be read.
        """
        return tuple(AgentPool(each) for each in items(self.raw, "agentpoolprofiles"))

    @derived
    def azure_policy(self) -> bool:
        return flag(self.raw, "addonprofiles", "azurepolicy", "enabled") is True

    @derived
    def identity_principal(self) -> str:
        """Object id of the cluster's identity.

        "" if the managed cluster's answer does not contain it.
        """
        if principal := text(self.raw, "identity", "principalid"):
            return principal
        for each in mapping(self.raw, "identity", "userassignedidentities").values():
            if principal := text(each, "principalid"):
                return principal
        return ""
