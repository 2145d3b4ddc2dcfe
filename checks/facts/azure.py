"""Azure's half: the managed cluster, its node pools, and the network resources around the gateway pool.

`az aks show` prints camelCase attribute names (`podSubnetId`), REST prints wire names (`podSubnetID`) nested under
`properties`: sources hand both over with `canonical` applied, so that one reading serves both (domain.md 4.1, Q12).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from checks.facts.fact import ArmResource, AzureCall, Fact, FactsRead
from checks.model.raw_values import Raw, flag, items, labels, mapping, number, text, texts

ARM = "Microsoft.ContainerService/managedClusters"
NETWORK = "Microsoft.Network"


def canonical(raw: object) -> Any:
    """The same JSON with every key in lower case and `properties` folded into its parent, whatever tool printed it.
    Keys of `tags` and `nodeLabels` are data and stay as they are."""
    if isinstance(raw, Mapping):
        folded: dict[str, Any] = {}
        for key, value in raw.items():
            low = str(key).lower()
            if low == "properties" and isinstance(value, Mapping):
                for inner, content in canonical(value).items():
                    # The outer `type` is the ARM resource type; a pool's own kind lies in its properties (domain.md 4.1).
                    folded[f"properties.{inner}" if inner == "type" else inner] = content
            else:
                folded.setdefault(low, value if low in ("tags", "nodelabels") else canonical(value))
        return folded
    if isinstance(raw, list | tuple):
        return [canonical(each) for each in raw]
    return raw


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
        """The name of its StaticGatewayConfiguration, "" where none is set."""
        return text(self.raw, "gatewayconfigurationname")


class ManagedCluster(Fact):
    """The AKS cluster as Azure describes it. Keys are canonical: lower case, without `properties`."""

    __slots__ = ()
    origin = AzureCall("managedClusters", f"{ARM}/read")

    @property
    def id(self) -> str:
        return text(self.raw, "id")

    @property
    def name(self) -> str:
        return text(self.raw, "name")

    @property
    def ref(self) -> str:
        return f"managed cluster {self.name}"

    @property
    def location(self) -> str:
        return text(self.raw, "location")

    @property
    def subscription(self) -> str:
        return _segment(self.id, "subscriptions")

    @property
    def resource_group(self) -> str:
        return _segment(self.id, "resourcegroups")

    @property
    def node_resource_group(self) -> str:
        """The group that AKS keeps for the cluster's own resources (`MC_…`): load balancers, scale sets, prefixes."""
        return text(self.raw, "noderesourcegroup")

    @property
    def provisioning_state(self) -> str:
        return text(self.raw, "provisioningstate")

    @property
    def power_state(self) -> str:
        return text(self.raw, "powerstate", "code")

    @property
    def provisioning_error(self) -> str:
        """Code and message of `status.provisioningError`, "" where there is none."""
        return _provisioning_error(self.raw)

    @property
    def kubernetes_version(self) -> str:
        return text(self.raw, "currentkubernetesversion") or text(self.raw, "kubernetesversion")

    @property
    def mesh_mode(self) -> str:
        return text(self.raw, "servicemeshprofile", "mode")

    @property
    def revisions(self) -> tuple[str, ...]:
        """The installed mesh revisions, oldest first; two during an upgrade."""
        return texts(self.raw, "servicemeshprofile", "istio", "revisions")

    @property
    def egress_gateways(self) -> tuple[EgressGatewayEntry, ...]:
        found = items(self.raw, "servicemeshprofile", "istio", "components", "egressgateways")
        return tuple(EgressGatewayEntry(each) for each in found)

    @property
    def proxy_redirection(self) -> str:
        return text(self.raw, "servicemeshprofile", "istio", "components", "proxyredirectionmechanism")

    @property
    def static_egress_enabled(self) -> bool:
        return flag(self.raw, "networkprofile", "staticegressgatewayprofile", "enabled") is True

    @property
    def network(self) -> Raw:
        return mapping(self.raw, "networkprofile")

    @property
    def network_plugin(self) -> str:
        return text(self.network, "networkplugin").lower()

    @property
    def network_plugin_mode(self) -> str:
        return text(self.network, "networkpluginmode").lower()

    @property
    def network_dataplane(self) -> str:
        return text(self.network, "networkdataplane").lower()

    @property
    def ip_families(self) -> tuple[str, ...]:
        return texts(self.network, "ipfamilies")

    @property
    def pod_cidrs(self) -> tuple[str, ...]:
        return texts(self.network, "podcidrs") or texts(self.network, "podcidr")

    @property
    def service_cidrs(self) -> tuple[str, ...]:
        return texts(self.network, "servicecidrs") or texts(self.network, "servicecidr")

    @property
    def outbound_type(self) -> str:
        return text(self.network, "outboundtype")

    @property
    def private(self) -> bool:
        return flag(self.raw, "apiserveraccessprofile", "enableprivatecluster") is True

    @property
    def authorized_ranges(self) -> tuple[str, ...]:
        return texts(self.raw, "apiserveraccessprofile", "authorizedipranges")

    @property
    def run_command(self) -> bool:
        """Whether `az aks command invoke` reaches the cluster from anywhere."""
        return flag(self.raw, "apiserveraccessprofile", "disableruncommand") is not True

    @property
    def long_term_support(self) -> bool:
        return text(self.raw, "supportplan").lower() == "akslongtermsupport"

    @property
    def whole(self) -> bool:
        """Whether this is a cluster's answer at all: every cluster has a state and a network, and a body that was cut
        short must not read as one in which nothing is enabled."""
        return bool(self.provisioning_state or self.network)

    @property
    def has_profile(self) -> bool:
        """Whether the answer tells which egress gateways there are, or that there is no mesh."""
        return self.whole or bool(self.mesh_mode)

    @property
    def pools(self) -> "tuple[AgentPool, ...]":
        """The node pools as the cluster's own answer carries them, for where the list of pools cannot be read."""
        return tuple(AgentPool(each) for each in items(self.raw, "agentpoolprofiles"))

    @property
    def azure_policy(self) -> bool:
        return flag(self.raw, "addonprofiles", "azurepolicy", "enabled") is True

    @property
    def identity_principal(self) -> str:
        """Object id of the cluster's own identity, "" where it cannot be told from the cluster alone."""
        if principal := text(self.raw, "identity", "principalid"):
            return principal
        for each in mapping(self.raw, "identity", "userassignedidentities").values():
            if principal := text(each, "principalid"):
                return principal
        return ""


class AgentPool(Fact):
    """A node pool as Azure lists it. Keys are canonical."""

    __slots__ = ()
    origin = AzureCall("agentPools", f"{ARM}/agentPools/read")

    @property
    def key(self) -> tuple[str, str]:
        return ("", self.name.lower())

    @property
    def name(self) -> str:
        return text(self.raw, "name")

    @property
    def ref(self) -> str:
        return f"node pool {self.name}"

    @property
    def mode(self) -> str:
        return text(self.raw, "mode")

    @property
    def is_gateway(self) -> bool:
        return self.mode.lower() == "gateway"

    @property
    def kind(self) -> str:
        """`VirtualMachineScaleSets` or `VirtualMachines`."""
        for found in (text(self.raw, "properties.type"), text(self.raw, "typepropertiestype"), text(self.raw, "type")):
            if found and "/" not in found:
                return found
        return ""

    @property
    def count(self) -> int | None:
        """Nodes as Azure counts them; VirtualMachines pools sum their statuses, since their `count` may be null."""
        if (found := number(self.raw, "count")) is not None:
            return found
        for path in (("virtualmachinenodesstatus",), ("virtualmachinesprofile", "scale", "manual")):
            counts = [number(each, "count") for each in items(self.raw, *path)]
            if counts:
                return sum(each or 0 for each in counts)
        return None

    @property
    def autoscaled(self) -> bool:
        return flag(self.raw, "enableautoscaling") is True

    @property
    def os_type(self) -> str:
        return text(self.raw, "ostype")

    @property
    def provisioning_state(self) -> str:
        return text(self.raw, "provisioningstate")

    @property
    def power_state(self) -> str:
        return text(self.raw, "powerstate", "code")

    @property
    def prefix_size(self) -> int | None:
        """Length of the public IP prefix of each configuration on this pool: /31 holds 2 nodes, /30 4, /28 16."""
        return number(self.raw, "gatewayprofile", "publicipprefixsize")

    @property
    def subnet_id(self) -> str:
        return text(self.raw, "vnetsubnetid")

    @property
    def pod_subnet_id(self) -> str:
        return text(self.raw, "podsubnetid")

    @property
    def node_labels(self) -> dict[str, str]:
        return labels(self.raw, "nodelabels")

    @property
    def provisioning_error(self) -> str:
        return _provisioning_error(self.raw)


class ArmFact(Fact):
    """An Azure resource read by its id. Keys are canonical."""

    __slots__ = ()

    @property
    def key(self) -> tuple[str, str]:
        return ("", self.id.lower())

    @property
    def id(self) -> str:
        return text(self.raw, "id")

    @property
    def name(self) -> str:
        return text(self.raw, "name") or self.id.rsplit("/", 1)[-1]

    @property
    def subscription(self) -> str:
        return _segment(self.id, "subscriptions")

    @property
    def resource_group(self) -> str:
        return _segment(self.id, "resourcegroups")


def _subnets_of_gateway_pools(store: FactsRead) -> Iterable[str]:
    return {pool.subnet_id for pool in store.known(AgentPool) if pool.subnet_id}


class Subnet(ArmFact):
    """A subnet of a node pool, with the ids of its security group and route table."""

    __slots__ = ()
    origin = ArmResource(f"{NETWORK}/virtualNetworks/subnets/read", (AgentPool,), _subnets_of_gateway_pools)

    @property
    def ref(self) -> str:
        return f"subnet {self.name}"

    @property
    def security_group_id(self) -> str:
        return text(self.raw, "networksecuritygroup", "id")

    @property
    def route_table_id(self) -> str:
        return text(self.raw, "routetable", "id")

    @property
    def prefixes(self) -> tuple[str, ...]:
        return texts(self.raw, "addressprefixes") or texts(self.raw, "addressprefix")


def _security_groups(store: FactsRead) -> Iterable[str]:
    return {subnet.security_group_id for subnet in store.known(Subnet) if subnet.security_group_id}


def _route_tables(store: FactsRead) -> Iterable[str]:
    return {subnet.route_table_id for subnet in store.known(Subnet) if subnet.route_table_id}


class SecurityRule:
    """One rule of a network security group."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.name = text(raw, "name")
        self.priority = number(raw, "priority") or 0
        self.direction = text(raw, "direction")
        self.access = text(raw, "access")
        self.protocol = text(raw, "protocol")
        self.sources = _both(raw, "sourceaddressprefix")
        self.destinations = _both(raw, "destinationaddressprefix")
        self.source_ports = _both(raw, "sourceportrange")
        self.destination_ports = _both(raw, "destinationportrange")


class NetworkSecurityGroup(ArmFact):
    """A security group; `rules` are its own and the default ones, by priority (the first match decides)."""

    __slots__ = ()
    origin = ArmResource(f"{NETWORK}/networkSecurityGroups/read", (Subnet,), _security_groups)

    @property
    def ref(self) -> str:
        return f"network security group {self.name}"

    @property
    def rules(self) -> tuple[SecurityRule, ...]:
        own = [SecurityRule(each) for each in items(self.raw, "securityrules")]
        default = [SecurityRule(each) for each in items(self.raw, "defaultsecurityrules")]
        return tuple(sorted(own + default, key=lambda rule: rule.priority))


class RouteTable(ArmFact):
    """A route table: (address prefix, next hop type, next hop address) of each route."""

    __slots__ = ()
    origin = ArmResource(f"{NETWORK}/routeTables/read", (Subnet,), _route_tables)

    @property
    def ref(self) -> str:
        return f"route table {self.name}"

    @property
    def routes(self) -> tuple[tuple[str, str, str, str], ...]:
        return tuple(
            (text(r, "name"), text(r, "addressprefix"), text(r, "nexthoptype"), text(r, "nexthopipaddress"))
            for r in items(self.raw, "routes")
        )


def _own_prefixes(store: FactsRead) -> Iterable[str]:
    from checks.facts.static_egress import StaticGatewayConfiguration

    return {c.public_ip_prefix_id for c in store.known(StaticGatewayConfiguration) if c.public_ip_prefix_id}


def _after_configurations() -> tuple[type[Fact], ...]:
    from checks.facts.static_egress import StaticGatewayConfiguration

    return (StaticGatewayConfiguration,)


class PublicIPPrefix(ArmFact):
    """A public IP prefix that a StaticGatewayConfiguration brings along (`spec.publicIpPrefixId`)."""

    __slots__ = ()
    origin = ArmResource(f"{NETWORK}/publicIPPrefixes/read", _after_configurations(), _own_prefixes)

    @property
    def ref(self) -> str:
        return f"public IP prefix {self.name}"

    @property
    def length(self) -> int | None:
        return number(self.raw, "prefixlength")

    @property
    def prefix(self) -> str:
        return text(self.raw, "ipprefix")

    @property
    def provisioning_state(self) -> str:
        return text(self.raw, "provisioningstate")


def _both(raw: Raw, key: str) -> tuple[str, ...]:
    plural = f"{key}es" if key.endswith("prefix") else f"{key}s"
    return texts(raw, plural) or texts(raw, key)


def _provisioning_error(raw: Raw) -> str:
    """Code and message of `status.provisioningError`, which may wrap them in `error`."""
    error = mapping(raw, "status", "provisioningerror")
    inner = mapping(error, "error") or error
    return ": ".join(part for part in (text(inner, "code"), text(inner, "message")) if part)


def _segment(arm_id: str, name: str) -> str:
    parts = arm_id.split("/")
    for index, part in enumerate(parts[:-1]):
        if part.lower() == name:
            return parts[index + 1]
    return ""
