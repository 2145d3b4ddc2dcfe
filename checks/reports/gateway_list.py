"""The egress gateways of a cluster for a terminal: a line for each, or JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from checks.facts.egress_gateway import EgressGateway
from checks.model.columns import lines_of_table, narrow

ReadyPods = Mapping[str, tuple[int, int]]
"""Ready and wanted pods by `NAMESPACE/NAME` of the Deployment."""


def gateway_lines(gateways: Sequence[EgressGateway], ready: ReadyPods) -> Iterator[str]:
    """A table: name, pods, revisions, StaticGatewayConfiguration."""
    if not gateways:
        yield "No egress gateway is enabled."
        return
    rows: list[tuple[str, ...]] = [("GATEWAY", "PODS READY", "REVISIONS", "STATICGATEWAYCONFIGURATION")]
    rows += [
        (str(each), _pods(each, ready), ", ".join(each.revisions) or "not checked", each.configuration or "not checked")
        for each in gateways
    ]
    yield from lines_of_table(rows)


def unseen_lines(unseen: Sequence[str]) -> list[str]:
    """The reasons why the list may be incomplete (sentences without their full stop)."""
    return [line for each in unseen for line in narrow(f"The list may be incomplete. {each}.")]


def gateway_documents(gateways: Sequence[EgressGateway], ready: ReadyPods) -> list[dict[str, Any]]:
    """The gateways as JSON values.

    `ready` and `replicas` are null if the Deployments were not read or do not exist.
    """
    found: list[dict[str, Any]] = []
    for each in gateways:
        counted = _counted(each, ready)
        found.append(
            {
                "namespace": each.namespace,
                "name": each.name,
                "enabled": each.enabled,
                "revisions": list(each.revisions),
                "configuration": each.configuration or None,
                "ready": counted[0] if counted else None,
                "replicas": counted[1] if counted else None,
            }
        )
    return found


def _pods(gateway: EgressGateway, ready: ReadyPods) -> str:
    counted = _counted(gateway, ready)
    return f"{counted[0]} of {counted[1]}" if counted else "not checked"


def _counted(gateway: EgressGateway, ready: ReadyPods) -> tuple[int, int] | None:
    counts = [ready[name] for each in gateway.deployments if (name := f"{gateway.namespace}/{each}") in ready]
    if not counts:
        return None
    return sum(each[0] for each in counts), sum(each[1] for each in counts)
