"""The steps that create the objects of a gateway again, or write its pod template again."""

from dataclasses import replace

from checks.facts.view import Facts
from checks.model.commands import (
    AZ_VERSION,
    alternatives,
    az_accepts,
    change,
    disable_gateway,
    enable_gateway,
    reconcile,
)
from checks.model.findings import Action, Effect


def restore_gateway(facts: Facts, title: str, restores: str, url: str, expect: str) -> Action:
    """Enable the gateway again, or reconcile a gateway that is enabled.

    `az aks mesh enable-egress-gateway` is refused for a gateway that is enabled with the same StaticGatewayConfiguration
    (docs/domain/azure.md#azure-cli): an update of the cluster without a value then restores the objects. Where
    the mesh profile was not read, the StaticGatewayConfiguration comes from the gateway's own objects, and counts as the
    one of the profile. `title` is that of the first, `restores` says what AKS does in the second.
    """
    gateway = facts.gateway
    if _is_enabled(facts):
        return reconcile(facts.cluster, restores, url, expect)
    command = enable_gateway(facts.cluster, gateway.namespace, gateway.name, gateway.configuration)
    return change(f"{title} ({AZ_VERSION})", command, url, expect)


def restore_objects(
    facts: Facts, title: str, restores: str, url: str, expect: str, *, running: bool = False
) -> list[Action]:
    """`restore_gateway`, or instead disable the gateway and enable it again.

    `running`: whether pods of the gateway run, whose connections that closes.
    """
    first = restore_gateway(facts, title, restores, url, expect)
    gateway = facts.gateway
    if not _is_enabled(facts) or not az_accepts(gateway.name):
        return [first]
    named = (facts.cluster, gateway.namespace, gateway.name)
    closed = "; open connections are closed" if running else ""
    anew = change(
        f"Disable the gateway and enable it again, if they are still missing after that{closed} ({AZ_VERSION})",
        f"{disable_gateway(*named)} && {enable_gateway(*named, gateway.configuration)}",
        url,
        expect,
        undo="nothing to take back: the gateway has the settings of before",
    )
    return alternatives(first, replace(anew, effect=Effect.DISRUPTS) if running else anew)


def _is_enabled(facts: Facts) -> bool:
    gateway = facts.gateway
    return gateway.known and gateway.enabled and bool(gateway.configuration)
