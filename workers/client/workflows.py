"""Workflow steps: the runs that they start, and their results."""

from collections.abc import Callable

from workers.client.alerts import TooManyStarts
from workers.client.stores import Stores
from workers.fleet.service import current_time
from workers.records.run import Accepted, Order, Run
from workers.records.workflow import WorkflowStep
from workers.runs.workflows import document_of


class WorkflowClient:
    """Starts the runs of workflow steps, and ends the steps.

    Every method may raise `Unavailable`.
    """

    def __init__(self, stores: Stores, start: Callable[[Order], Accepted]) -> None:
        self._stores = stores
        self._start = start

    def begin(self, execution: str, order: Order) -> Accepted:
        """Start or join the run whose result ends the step.

        The caller verifies the permission of the user `workflows` first. Raises TooManyStarts.
        """
        if not self._stores.alerts.may_start(order.channel, current_time()):
            raise TooManyStarts
        accepted = self._start(order)
        self._put(WorkflowStep(execution, run=accepted.run.id))
        return accepted

    def refuse(self, execution: str, problem: str) -> None:
        """End a step without a run, with the reason for the owner of the workflow."""
        self._put(WorkflowStep(execution, problem=problem))

    def run_shown(self, run: Run) -> None:
        """Note that Slack shows the end of a run, or refuses to: the steps that wait for it end."""
        if run.state.ended:
            for execution in self._stores.workflows.waiting(run.id):
                self._stores.documents.changed(document_of(execution))

    def _put(self, step: WorkflowStep) -> None:
        self._stores.workflows.put(step)
        self._stores.documents.changed(document_of(step.execution))
