"""The outputs of the custom step of Workflow Builder, and its errors.

Source: docs/contract.md#workflow-step.
"""

from collections.abc import Mapping

from checks.model.findings import Report, Verdict
from checks.reports.wording import acting_causes, why_inconclusive
from workers.records.run import Run, RunState

_MOST = 2000
"""Characters of an output; workflows put them into messages."""


def outputs_of(report: Report, link: str) -> Mapping[str, str]:
    """The outputs of a check; an empty one is left out."""
    causes = "; ".join(f"{each.code} {each.title}" for each in acting_causes(report))
    if report.verdict is Verdict.INCONCLUSIVE:
        causes = why_inconclusive(report)
    found = {
        "verdict": report.verdict.value,
        "root_cause": causes[:_MOST],
        "link": link,
    }
    return {name: text for name, text in found.items() if text}


def reason_without_result(run: Run | None) -> str:
    """The reason why a check has no result."""
    if run is None:
        return "The check has expired."
    if run.problem:
        return run.problem
    if run.state is RunState.CANCELLED:
        return "The check was stopped."
    return f"The check has no result: internal error {run.error}."
