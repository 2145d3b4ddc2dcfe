"""Node pools as Azure lists them."""

from checks.facts.azure_json import provisioning_error_of
from checks.facts.fact import AzureCall, Fact, derived
from checks.model.raw_values import flag, items, number, text, texts


class AgentPool(Fact):
    """A node pool as Azure lists it. Keys are canonical."""

    __slots__ = ()
    origin = AzureCall("agentPools", "Microsoft.ContainerService/managedClusters/agentPools/read")

    @derived
    def name(self) -> str:
        return text(self.raw, "name")

    @derived
    def ref(self) -> str:
        return f"node pool {self.name}"

    @derived
    def mode(self) -> str:
        return text(self.raw, "mode")

    @derived
    def is_gateway(self) -> bool:
        return self.mode.lower() == "gateway"

    @derived
    def kind(self) -> str:
        """`VirtualMachineScaleSets` or `VirtualMachines`."""
        for found in (text(self.raw, "properties.type"), text(self.raw, "typepropertiestype"), text(self.raw, "type")):
            if found and "/" not in found:
                return found
        return ""

    @derived
    def has_single_machines(self) -> bool:
        """Whether its nodes are single virtual machines, not those of a scale set."""
        return self.kind.lower() == "virtualmachines"

    @derived
    def count(self) -> int | None:
        """The node count in Azure.

        A VirtualMachines pool has the sum of its statuses, because its `count` may be null.
        """
        if (found := number(self.raw, "count")) is not None:
            return found
        for path in (("virtualmachinenodesstatus",), ("virtualmachinesprofile", "scale", "manual")):
            counts = [number(each, "count") for each in items(self.raw, *path)]
            if counts:
                return sum(each or 0 for each in counts)
        return None

    @derived
    def autoscaled(self) -> bool:
        return flag(self.raw, "enableautoscaling") is True

    @derived
    def zones(self) -> tuple[str, ...]:
        """The availability zones of its nodes; none for a pool without zones."""
        return texts(self.raw, "availabilityzones")

    @derived
    def vm_size(self) -> str:
        """For example `Standard_D4s_v5`."""
        return text(self.raw, "vmsize")

    @derived
    def os_type(self) -> str:
        return text(self.raw, "ostype")

    @derived
    def os_sku(self) -> str:
        return text(self.raw, "ossku")

    @derived
    def has_local_dns(self) -> bool:
        """Whether its nodes answer DNS lookups of their pods themselves (LocalDNS)."""
        return text(self.raw, "localdnsprofile", "state").lower() == "enabled"

    @derived
    def provisioning_state(self) -> str:
        return text(self.raw, "provisioningstate")

    @derived
    def power_state(self) -> str:
        return text(self.raw, "powerstate", "code")

    @derived
    def prefix_size(self) -> int | None:
        """Length of the public IP prefix of each StaticGatewayConfiguration on this pool.

        It is /31 for 2 nodes and /28 for 16.
        """
        return number(self.raw, "gatewayprofile", "publicipprefixsize")

    @derived
    def subnet_id(self) -> str:
        return text(self.raw, "vnetsubnetid")

    @derived
    def pod_subnet_id(self) -> str:
        return text(self.raw, "podsubnetid")

    @derived
    def provisioning_error(self) -> str:
        return provisioning_error_of(self.raw)
