"""Steps of Slack's workflows that wait for the result of a check."""

from dataclasses import dataclass

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """An execution of the custom step in a workflow, by Slack's ID of it.

    It ends with the result of the run `run`, or fails with `problem`, a sentence for the owner of the workflow.
    """

    execution: str
    run: str = ""
    problem: str = ""


WORKFLOW_STEP_JSON = TypeAdapter(WorkflowStep)
