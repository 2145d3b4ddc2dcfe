"""Custom steps of Workflow Builder: their definitions and executions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

CHANNEL = "slack#/types/channel_id"


@dataclass(frozen=True, slots=True)
class Parameter:
    """An input or output: its type as in the manifest, and whether it must be given."""

    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A custom step in the manifest."""

    callback_id: str
    title: str
    inputs: Mapping[str, Parameter]
    outputs: Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution of a step in a workflow; `error` is the text of functions.completeError."""

    id: str
    function: FunctionDefinition
    state: Literal["running", "completed", "failed"] = "running"
    outputs: Mapping[str, object] | None = None
    error: str = ""


def violations(parameters: Mapping[str, Parameter], values: Mapping[str, object]) -> list[str]:
    """The problems of inputs or outputs: unknown, missing, or of another type."""
    unknown = [f"unknown parameter: {name}" for name in values if name not in parameters]
    missing = [f"missing: {name}" for name, each in parameters.items() if each.required and not values.get(name)]
    wrong = [f"not a string: {name}" for name, value in values.items() if not isinstance(value, str)]
    return [*unknown, *missing, *wrong]


DIAGNOSE_STEP = FunctionDefinition(
    "diagnose_egress_gateway",
    "Diagnose an egress gateway",
    {
        "cluster": Parameter("string", required=True),
        "gateway": Parameter("string", required=True),
        "host": Parameter("string", required=False),
        "channel": Parameter(CHANNEL, required=True),
    },
    {
        "verdict": Parameter("string", required=True),
        "root_cause": Parameter("string", required=False),
        "link": Parameter("string", required=False),
    },
)
"""The step in the bot's manifest."""
