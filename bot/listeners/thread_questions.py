"""Answers to questions about the last check of a thread.

Source: docs/slack.md#words-in-a-thread.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from bot.access.record_permissions import checked_target
from bot.fleet.permission import permitted_clusters
from bot.grammar.commands import ThreadQuestion
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.listeners import buttons
from bot.listeners.active_steps import may_restart
from bot.listeners.slash_command import run_command
from bot.messages import incident_answers, private_answers, recipe_answers, thread_answers
from bot.messages.blocks import Message
from checks.config.access_rules import is_permitted
from checks.model.findings import Report, Verdict
from workers.records.gateway_state import GatewayState
from workers.records.history import GatewayVerdict
from workers.records.run import Run
from workers.records.tried import TriedStep

FRESH = timedelta(minutes=1)
"""The age up to which a result answers whether the gateway is fixed."""

_MOST_OTHERS = 200
"""Other gateways whose last verdicts are read."""


def answer_question(
    handler: InteractionHandler, question: ThreadQuestion, run_id: str, interaction: Interaction
) -> Message | None:
    """The answer to a question about the last run of the thread."""
    run = buttons.permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    match question:
        case ThreadQuestion.THANKS:
            return thread_answers.thanked()
        case ThreadQuestion.OWNER:
            owner = _owner(handler, run)
            if not owner and run.report is not None and _is_healthy(handler, run.report):
                return thread_answers.nothing_to_own(run)
            return thread_answers.who_has_it(run, owner, handler.config.ask)
        case ThreadQuestion.HISTORY:
            target = checked_target(run)
            name = f"{target.namespace}/{target.gateway}" if target.namespace else target.gateway
            return run_command(handler, f"history {target.cluster} {name}", interaction)
        case ThreadQuestion.REPORT | ThreadQuestion.EVIDENCE if run.report is not None:
            send = buttons.send_report if question is ThreadQuestion.REPORT else buttons.send_bundle
            answer = send(handler, run_id, interaction)
            return None if answer is not None and answer.slot == "filed" else answer
    if run.report is None:
        return thread_answers.without_result(run) if run.state.ended else thread_answers.still_running(run)
    return _about_report(handler, question, run, run.report, interaction)


def answer_why(handler: InteractionHandler, code: str, run_id: str, interaction: Interaction) -> Message | None:
    """The causal chain of the last run, or the findings of the check with a code."""
    run = buttons.permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    if run.report is None and not run.state.ended:
        return thread_answers.still_running(run)
    if run.report is None:
        return thread_answers.without_result(run)
    about = incident_answers.about_check(run, run.report, code) if code else None
    return about or private_answers.explanation(run, buttons.mechanisms())


_FROM_REPORT: Mapping[ThreadQuestion, Callable[[Run, Report], Message]] = {
    ThreadQuestion.GATEWAY_OR_HOST: thread_answers.gateway_or_host,
    ThreadQuestion.WHERE: incident_answers.which_gateway,
    ThreadQuestion.NOT_CHECKED: incident_answers.what_was_not_checked,
    ThreadQuestion.TRAFFIC: incident_answers.traffic,
    ThreadQuestion.ADDRESS: incident_answers.egress_address,
}
"""The questions that the report alone answers."""

_FROM_STEPS: Mapping[ThreadQuestion, Callable[[Run, Report, Sequence[TriedStep]], Message]] = {
    ThreadQuestion.NEXT: thread_answers.next_steps,
    ThreadQuestion.RAN: partial(thread_answers.next_steps, ran=True),
    ThreadQuestion.TRIED: recipe_answers.what_was_tried,
    ThreadQuestion.UNDO: recipe_answers.how_to_undo,
}
"""The questions about the recipe, with the steps that were carried out."""


def _about_report(
    handler: InteractionHandler, question: ThreadQuestion, run: Run, report: Report, interaction: Interaction
) -> Message | None:
    if (answer := _FROM_REPORT.get(question)) is not None:
        return answer(run, report)
    if (about_steps := _FROM_STEPS.get(question)) is not None:
        return about_steps(run, report, handler.client.cards.tried(run))
    match question:
        case ThreadQuestion.CHANGED:
            before = handler.find(Run, run.order.after, interaction) if run.order.after else None
            known = before if isinstance(before, Run) else None
            return thread_answers.what_changed(run, report, known, _state(handler, report))
        case ThreadQuestion.AFFECTED:
            return incident_answers.what_is_affected(run, report, _others(handler, report, interaction))
        case ThreadQuestion.SINCE:
            return incident_answers.since_when_broken(run, report, _state(handler, report))
        case ThreadQuestion.LASTED:
            return incident_answers.how_long_broken(run, report, _state(handler, report))
        case ThreadQuestion.RESTART:
            offered = may_restart(handler, run, interaction)
            return recipe_answers.is_it_safe(run, report, restart_offered=offered)
        case _:
            again = run.ended is None or datetime.now(UTC) - run.ended > FRESH
            refused = buttons.check_again(handler, run.id, interaction) if again else None
            return thread_answers.is_fixed(run, report, again=again and refused is None)


def _owner(handler: InteractionHandler, run: Run) -> str:
    """The owner of the incident of a run's gateway, "" without one."""
    target = checked_target(run)
    return handler.client.cards.owners(target.cluster).get(f"{target.namespace}/{target.gateway}", "")


def _state(handler: InteractionHandler, report: Report) -> GatewayState | None:
    return handler.client.gateways.history(report.cluster, f"{report.namespace}/{report.gateway}").state


def _is_healthy(handler: InteractionHandler, report: Report) -> bool:
    """Whether the last check of the gateway, of any kind, found no problem."""
    state = _state(handler, report)
    return (report.verdict if state is None else state.verdict) is Verdict.HEALTHY


def _others(handler: InteractionHandler, report: Report, interaction: Interaction) -> list[GatewayVerdict]:
    """The last verdicts of the other gateways that the user may check in this channel."""
    clusters, _ = permitted_clusters(handler, interaction, "diagnose")
    requester, mine = handler.requester(interaction), (report.cluster, report.namespace, report.gateway)
    found = [
        each
        for each in handler.client.installation(clusters).verdicts
        if (each.cluster, each.namespace, each.gateway) != mine
        and is_permitted(handler.config.access, requester, "diagnose", each.cluster, f"{each.namespace}/{each.gateway}")
    ]
    return sorted(found, key=lambda each: (each.cluster != report.cluster, each.cluster, each.namespace, each.gateway))[
        :_MOST_OTHERS
    ]
