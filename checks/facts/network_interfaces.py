"""Network interfaces of gateway nodes."""

from collections.abc import Iterable

from checks.facts.agent_pools import AgentPool
from checks.facts.fact import ArmResource, FactsRead, derived
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import NETWORK, ArmFact
from checks.facts.nodes import Node
from checks.facts.static_egress import GatewayVMConfiguration
from checks.model.raw_values import items, text


class _Interface(ArmFact):
    """The fields that all network interfaces have."""

    __slots__ = ()

    @property
    def ref(self) -> str:
        return f"network interface {self.name}"

    @derived
    def addresses(self) -> tuple[str, ...]:
        """The private addresses of its ipConfigurations."""
        return tuple(text(each, "privateipaddress") for each in items(self.raw, "ipconfigurations"))

    @derived
    def security_group_id(self) -> str:
        return text(self.raw, "networksecuritygroup", "id")


def _interface_lists(store: FactsRead) -> Iterable[str]:
    return {
        f"{node.scale_set_machine}/networkInterfaces"
        for node in store.known(Node)
        if node.mode == "gateway" and node.scale_set_machine
    }


class NetworkInterface(_Interface):
    """A network interface of a gateway node in a scale set.

    It is read with the list of its machine's interfaces.
    """

    __slots__ = ()
    origin = ArmResource(
        "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/networkInterfaces/read", (Node,), _interface_lists
    )

    @derived
    def ref(self) -> str:
        return f"network interface {self.name} of {self.machine.rsplit('/', 3)[-3]} instance {self.machine.rsplit('/', 1)[-1]}"

    @derived
    def machine(self) -> str:
        """The id of its virtual machine in lower case."""
        return self.id.lower().rpartition("/networkinterfaces/")[0]


def _machine_interfaces(store: FactsRead) -> Iterable[str]:
    """The interfaces of VirtualMachines pools, whose names GatewayVMConfigurations list.

    Source: kube-egress-gateway controllers/manager/agentpoolvms.go.
    """
    pools = {pool.name.lower() for pool in store.known(AgentPool) if pool.has_single_machines}
    groups = [each.node_resource_path for each in store.known(ManagedCluster) if each.node_resource_path]
    return {
        f"{group}/providers/{NETWORK}/networkInterfaces/{name}"
        for group in groups
        for machines in store.known(GatewayVMConfiguration)
        if machines.pool.lower() in pools
        for name, _ in machines.addresses
        if name
    }


class MachineInterface(_Interface):
    """A network interface of a gateway node in a VirtualMachines pool."""

    __slots__ = ()
    origin = ArmResource(
        f"{NETWORK}/networkInterfaces/read", (AgentPool, ManagedCluster, GatewayVMConfiguration), _machine_interfaces
    )
