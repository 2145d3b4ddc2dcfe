"""functions.*: the ends of custom steps."""

from __future__ import annotations

from dataclasses import replace

from bot.sandbox.model.core import ApiError, Args, Core, Method
from bot.sandbox.model.functions import Execution, violations
from bot.sandbox.model.texts import JsonObject


def complete_success(core: Core, args: Args) -> JsonObject:
    """functions.completeSuccess"""
    execution = _running(core, args)
    outputs = args.json("outputs", "invalid_arguments")
    problems = violations(execution.function.outputs, outputs) if isinstance(outputs, dict) else ["no object"]
    if problems or not isinstance(outputs, dict):
        raise ApiError("parameter_validation_failed", response_metadata={"messages": problems})
    core.executions[execution.id] = replace(execution, state="completed", outputs=outputs)
    return {}


def complete_error(core: Core, args: Args) -> JsonObject:
    """functions.completeError"""
    execution, error = _running(core, args), args.required("error")
    core.executions[execution.id] = replace(execution, state="failed", error=error)
    return {}


def _running(core: Core, args: Args) -> Execution:
    found = core.executions.get(args.required("function_execution_id"))
    if found is None:
        raise ApiError("function_execution_not_found")
    if found.state != "running":
        raise ApiError("execution_not_in_running_state")
    return found


FUNCTION_METHODS = {
    "functions.completeSuccess": Method(complete_success),
    "functions.completeError": Method(complete_error),
}
