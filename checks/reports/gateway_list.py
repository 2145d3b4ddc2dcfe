"""The egress gateways of a cluster for a terminal: a line for each, or JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from checks.facts.egress_gateway import EgressGateway
from checks.model.columns import lines_of_table, narrow
from checks.model.findings import Verdict
from checks.reports.document import stamp
from checks.reports.fleet import BEST_FIRST
from checks.reports.wording import VERDICTS

ReadyPods = Mapping[str, tuple[int, int]]
"""Ready and wanted pods by `NAMESPACE/NAME` of the Deployment."""


@dataclass(frozen=True, slots=True)
class LastVerdict:
    """The last known verdict of a gateway, and its time."""

    verdict: Verdict
    at: datetime


LastVerdicts = Mapping[str, LastVerdict]
"""Last known verdicts by `NAMESPACE/NAME` of the gateway."""


def worst_first(gateways: Sequence[EgressGateway], last: LastVerdicts) -> list[EgressGateway]:
    """The gateways by their last verdict, the worst first; then those without one, by name."""
    return sorted(gateways, key=lambda each: (_rank(last.get(str(each))), str(each)))


def _rank(last: LastVerdict | None) -> int:
    return 1 if last is None else -BEST_FIRST.index(last.verdict)


def gateway_lines(
    gateways: Sequence[EgressGateway], ready: ReadyPods, last: LastVerdicts = MappingProxyType({})
) -> Iterator[str]:
    """A table: name, pods, revisions, StaticGatewayConfiguration.

    With `last`, also the last verdict.
    """
    if not gateways:
        yield "No egress gateway is enabled."
        return
    rows: list[tuple[str, ...]] = [("GATEWAY", "PODS READY", "REVISIONS", "STATICGATEWAYCONFIGURATION")]
    rows += [
        (str(each), _pods(each, ready), ", ".join(each.revisions) or "not checked", each.configuration or "not checked")
        for each in gateways
    ]
    if last:
        verdicts = ["LAST VERDICT", *(_last(last.get(str(each))) for each in gateways)]
        rows = [(row[0], verdict, *row[1:]) for row, verdict in zip(rows, verdicts, strict=True)]
    yield from lines_of_table(rows)


def _last(known: LastVerdict | None) -> str:
    return "not checked" if known is None else f"{VERDICTS[known.verdict].lower()} ({known.at:%Y-%m-%d %H:%M}Z)"


def unseen_lines(unseen: Sequence[str], unread_profile: Sequence[str] = ()) -> list[str]:
    """The reasons why the list may be incomplete (sentences without their full stop).

    `unread_profile`: those that concern only gateways without objects in the cluster.
    """
    found = [f"The list may be incomplete. {each}." for each in unseen]
    # A cause that hides objects of the cluster, too, is said once.
    found += [
        f"Gateways that are only in the mesh profile in Azure are not listed. {each}."
        for each in unread_profile
        if each not in unseen
    ]
    return [line for each in found for line in narrow(each)]


def gateway_documents(
    gateways: Sequence[EgressGateway], ready: ReadyPods, last: LastVerdicts = MappingProxyType({})
) -> list[dict[str, Any]]:
    """The gateways as JSON values.

    `ready` and `replicas` are null if the Deployments were not read or do not exist, `verdict` and `checked_at` if no
    verdict is known.
    """
    found: list[dict[str, Any]] = []
    for each in gateways:
        counted, known = _counted(each, ready), last.get(str(each))
        found.append(
            {
                "namespace": each.namespace,
                "name": each.name,
                "enabled": each.enabled,
                "revisions": list(each.revisions),
                "configuration": each.configuration or None,
                "ready": counted[0] if counted else None,
                "replicas": counted[1] if counted else None,
                "verdict": known.verdict.value if known else None,
                "checked_at": stamp(known.at) if known else None,
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
