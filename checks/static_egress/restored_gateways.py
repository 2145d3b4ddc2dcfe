"""The step that creates the objects of a gateway again, or writes its pod template again."""

from checks.facts.view import Facts
from checks.model.commands import AZ_VERSION, change, enable_gateway, reconcile
from checks.model.findings import Action


def restore_gateway(facts: Facts, title: str, restores: str, url: str, expect: str) -> Action:
    """Enable the gateway again, or reconcile a gateway that is enabled.

    `az aks mesh enable-egress-gateway` is refused for a gateway that is enabled with the same StaticGatewayConfiguration
    (docs/domain/azure.md#azure-cli): an update of the cluster without a value then restores the objects. Where
    the mesh profile was not read, the StaticGatewayConfiguration comes from the gateway's own objects, and counts as the
    one of the profile. `title` is that of the first, `restores` says what AKS does in the second.
    """
    gateway = facts.gateway
    if gateway.known and gateway.enabled and gateway.configuration:
        otherwise = ". If this does not follow, disable the gateway and enable it again, which closes open connections"
        return reconcile(facts.cluster, restores, url, f"{expect}{otherwise}")
    command = enable_gateway(facts.cluster, gateway.namespace, gateway.name, gateway.configuration)
    return change(f"{title} ({AZ_VERSION})", command, url, expect)
