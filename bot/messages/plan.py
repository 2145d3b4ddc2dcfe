"""The stages of an active run as a plan with task cards.

Source: https://docs.slack.dev/reference/block-kit/blocks/plan-block, read in November 2026.
"""

from bot.messages.blocks import Block
from checks.catalogue import catalogue
from checks.model.findings import Stage, Status
from checks.reports.wording import STAGES, plural
from workers.records.run import Run


def plan(run: Run) -> Block:
    """A task for each stage, with the number of its checks that are done."""
    tasks = [_task(run, stage) for stage in Stage]
    done = len({f.check for f in run.findings})
    return {"type": "plan", "title": f"{done} of {run.total} checks done", "tasks": tasks}


def _task(run: Run, stage: Stage) -> Block:
    wanted = {check.slug for check in catalogue() if check.stage is stage}
    found = [f for f in run.findings if f.stage is stage]
    done, failed = {f.check for f in found}, {f.check for f in found if f.status is Status.FAIL}
    status = "complete" if wanted <= done else "in_progress" if done else "pending"
    words = f": {plural(len(failed), 'failure')}" if failed else ""
    return {
        "type": "task_card",
        "task_id": stage.value,
        "title": f"{STAGES[stage]}{words}",
        "status": "error" if failed and status == "complete" else status,
    }
