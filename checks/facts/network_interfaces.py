"""Network interfaces of gateway nodes."""

from collections.abc import Iterable

from checks.facts.fact import ArmResource, FactsRead, derived
from checks.facts.network_resources import ArmFact
from checks.facts.nodes import Node
from checks.model.raw_values import items, text


def _interface_lists(store: FactsRead) -> Iterable[str]:
    return {
        f"{node.scale_set_machine}/networkInterfaces"
        for node in store.known(Node)
        if node.mode == "gateway" and node.scale_set_machine
    }


class NetworkInterface(ArmFact):
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

    @derived
    def addresses(self) -> tuple[str, ...]:
        """The private addresses of its ipConfigurations."""
        return tuple(text(each, "privateipaddress") for each in items(self.raw, "ipconfigurations"))
