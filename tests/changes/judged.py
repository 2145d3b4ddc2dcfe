"""The product's answer about a change."""

from __future__ import annotations

from functools import cache

from checks.catalogue import catalogue
from checks.engine.if_applied import FindingEffect, IfApplied
from checks.facts.proposal import proposal
from checks.model.findings import Status
from checks.sources.recorded import RecordedSource
from checks.sources.run_if_applied import run_if_applied
from tests.changes.cases import GATEWAY, ChangeCase
from tests.recordings import question, recording


@cache
def answer(case: ChangeCase) -> IfApplied:
    """The answer of the product about the change."""
    proposed = proposal([("change.yaml", case.text)], case.without)
    return run_if_applied(
        RecordedSource(recording(case.cluster)), question(case.cluster, GATEWAY), catalogue(), 60, proposed
    )


def routes(found: IfApplied) -> dict[str, str]:
    """Each route that differs, as the expectations write it."""
    return {
        f"{each.scheme}://{each.host} from {', '.join(each.clients)}": f"{each.now.outcome} -> {each.then.outcome}"
        for each in found.routes
    }


def new_findings(found: IfApplied) -> set[str]:
    """The codes of failures and warnings that are new or different."""
    effects = (FindingEffect.APPEARS, FindingEffect.CHANGES)
    shown = (Status.FAIL, Status.WARN)
    return {each.shown.code for each in found.findings if each.effect in effects and each.shown.status in shown}
