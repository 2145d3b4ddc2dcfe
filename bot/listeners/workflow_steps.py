"""The listener for the custom step of Workflow Builder: a check as a step of a workflow.

Slack does not prove who has started a workflow, and its author chooses the channel. The access rules therefore apply to the
user `workflows`, and a rule for everyone (`*`) does not permit it anything.

Source: docs/slack.md#workflow-step.
"""

import logging
from typing import Any

from slack_bolt import App, BoltContext

from bot.access.rules import check_access, known_clusters, no_such_cluster
from bot.grammar.commands import Diagnose, Mistake
from bot.grammar.parser import parse_command
from bot.interactions.handler import InteractionHandler
from bot.slack.metrics import COMMANDS
from bot.slack.web_api import SlackRefusal
from checks.config.access_rules import Requester
from checks.config.automatic_requesters import WORKFLOW_USER
from checks.config.configuration import Config
from workers.client import AuditEntry, Unavailable, redis_problem
from workers.client.alerts import TooManyStarts
from workers.records.run import Order, Target

log = logging.getLogger(__name__)

WORKFLOW_STEP = "diagnose_egress_gateway"
"""The `callback_id` of the step in the manifest."""


class _Refused(Exception):
    """A step that starts nothing.

    It has the outcome for the audit, and a sentence for the owner of the workflow.
    """

    def __init__(self, outcome: str, problem: str) -> None:
        super().__init__(problem)
        self.outcome = outcome
        self.problem = problem


def register_workflow_steps(app: App, handler: InteractionHandler) -> None:
    """Register the listener for the custom step."""

    @app.function(WORKFLOW_STEP)
    def executed(inputs: dict[str, Any], body: dict[str, Any], context: BoltContext) -> None:
        execution = str(context.function_execution_id)
        typed = {name: str(inputs.get(name) or "").strip() for name in ("cluster", "gateway", "host", "channel")}
        start_step(handler, typed, execution, str(body.get("team_id", "")))


def start_step(handler: InteractionHandler, typed: dict[str, str], execution: str, team: str) -> None:
    """Start the check that a step requests, or let the step fail with the reason."""
    about = " ".join(each for each in (typed["cluster"], typed["gateway"], typed["host"]) if each)
    outcome, why = "done", ""
    try:
        if not handler.client.conversations.first_time(f"workflow/{execution}"):
            return
        try:
            _begin(handler, typed, execution, team)
        except _Refused as refused:
            outcome, why = refused.outcome, refused.problem
            handler.client.workflows.refuse(execution, why)
    except Unavailable as error:
        outcome, why = "unavailable", f"Nothing was started: the queue (Redis) {redis_problem(error)}."
        _fail_now(handler, execution, why)
    COMMANDS.labels(outcome).inc()
    handler.client.audit(AuditEntry(WORKFLOW_USER, typed["channel"], "workflow", about[:300], outcome, why=why[:300]))


def _begin(handler: InteractionHandler, typed: dict[str, str], execution: str, team: str) -> None:
    """Start the run. Raises _Refused and Unavailable."""
    config, requester = explicit_rules(handler.config), Requester(WORKFLOW_USER, typed["channel"])
    target = _target(config, requester, typed)
    if not check_access(config, requester, "diagnose", target.cluster, target.gateway).allowed:
        raise _Refused("refused", f"No access rule lets the user `{WORKFLOW_USER}` check {target} in this channel.")
    order = Order(target, WORKFLOW_USER, typed["channel"], f"workflow/{execution}", team)
    try:
        handler.client.workflows.begin(execution, order)
    except TooManyStarts:
        raise _Refused("limited", "Too many checks were started in this channel in this minute.") from None


def explicit_rules(config: Config) -> Config:
    """The configuration with the rules that name workflows, and those that deny a check.

    A rule for everyone means the members of a channel: the author of a workflow, who reads its outputs, may be none.
    """
    rules = tuple(rule for rule in config.access if WORKFLOW_USER in rule.users or "diagnose" not in rule.allow)
    return config.model_copy(update={"access": rules})


def _target(config: Config, requester: Requester, typed: dict[str, str]) -> Target:
    """The gateway and the host of the inputs. Raises _Refused."""
    for name in ("cluster", "gateway", "channel"):
        if not typed[name]:
            raise _Refused("mistake", f"The input `{name}` is empty.")
    for name in ("cluster", "gateway", "host"):
        if typed[name].startswith("-") or len(typed[name].split()) > 1:
            raise _Refused("mistake", f"The input `{name}` is not one name: {typed[name][:100]!a}.")
    text = f"{typed['cluster']} {typed['gateway']}" + (f" --host {typed['host']}" if typed["host"] else "")
    command = parse_command(text, config, clusters=known_clusters(config, requester))
    match command:
        case Diagnose(target):
            return target
        case Mistake(message):
            if message == no_such_cluster(config, typed["cluster"]):
                message = f"No access rule lets the user `{WORKFLOW_USER}` check a cluster {typed['cluster']} in this channel."
            raise _Refused("mistake", message)
        case _:
            raise _Refused("mistake", f"The input `cluster` names no cluster: {typed['cluster'][:100]!a}.")


def _fail_now(handler: InteractionHandler, execution: str, problem: str) -> None:
    """End a step without Redis; if Slack refuses, the reason is in the log."""
    try:
        handler.slack.fail_step(execution, problem)
    except SlackRefusal as refused:
        log.error("the workflow step %s has no answer (%s): %s", execution, problem, refused)  # noqa: TRY400 - no traceback
