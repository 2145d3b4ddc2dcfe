"""Answers to questions in a thread, from the present state of its gateway.

Source: docs/slack.md#words-in-a-thread.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from bot.access.record_permissions import checked_target
from bot.fleet.permission import permitted_clusters
from bot.grammar.commands import Mistake, ThreadQuestion
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.listeners import buttons
from bot.listeners.active_steps import may_restart
from bot.listeners.slash_command import run_command
from bot.messages import (
    answers,
    gateway_or_host,
    incident_answers,
    outage_length,
    present,
    private_answers,
    recipe_answers,
    thread_answers,
    unreported,
)
from bot.messages.blocks import Message
from checks.catalogue import catalogue
from checks.config.access_rules import is_permitted
from checks.model.findings import Report
from workers.records.history import GatewayVerdict
from workers.records.present import PresentState
from workers.records.run import Run
from workers.records.tried import TriedStep

FRESH = timedelta(seconds=10)
"""The age up to which a result answers whether it is fixed; an older one starts a check."""

_MOST_OTHERS = 200
"""Other gateways whose last verdicts are read."""


def answer_question(
    handler: InteractionHandler, question: ThreadQuestion, run_id: str, interaction: Interaction
) -> Message | None:
    """The answer to a question about the gateway of the last run of the thread."""
    run = buttons.permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    now = handler.client.cards.present(run)
    match question:
        case ThreadQuestion.THANKS:
            return thread_answers.thanked()
        case ThreadQuestion.OWNER:
            owner, gateway = buttons.incident_owner(handler, run), handler.client.cards.present(run, gateway=True)
            serves = gateway is not None and gateway.serves
            return thread_answers.who_has_it(run, owner, handler.config.ask, serves=serves)
        case ThreadQuestion.HISTORY:
            target = checked_target(run)
            name = f"{target.namespace}/{target.gateway}" if target.namespace else target.gateway
            return run_command(handler, f"history {target.cluster} {name}", interaction)
        case ThreadQuestion.REPORT | ThreadQuestion.EVIDENCE if now is not None and now.run.report is not None:
            return _file(handler, question, run, now, interaction)
    if now is None:
        return thread_answers.without_result(run) if run.state.ended else thread_answers.still_running(run)
    return _about_present(handler, question, run, now, interaction)


def answer_why(handler: InteractionHandler, code: str, run_id: str, interaction: Interaction) -> Message | None:
    """The causal chain of the present state, or the findings of the check with a code."""
    run = buttons.permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    if code and all(each.code != code for each in catalogue()):
        return answers.mistake(Mistake(f"There is no check {code}."))
    now = handler.client.cards.present(run)
    if now is not None and not code and (was := outage_length.why_it_was_broken(now)) is not None:
        return present.with_time(was, now, run)
    if now is None or now.gone is not None or (now.report is None and not code):
        return answer_question(handler, ThreadQuestion.WHY, run_id, interaction)
    if now.report is None:
        return unreported.unreported_check(code, now, run)
    about = incident_answers.about_check(now.run, now.report, code) if code else None
    return present.with_time(about or private_answers.explanation(now.run, buttons.mechanisms()), now, run)


def answer_commands(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """The commands of the present causes."""
    run = buttons.permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    now = handler.client.cards.present(run)
    if now is not None and now.report is not None and now.gone is None:
        return present.with_time(private_answers.command_list(now.run), now, run)
    return answer_question(handler, ThreadQuestion.COMMANDS, run_id, interaction)


_FROM_REPORT: Mapping[ThreadQuestion, Callable[[Run, Report], Message]] = {
    ThreadQuestion.GATEWAY_OR_HOST: gateway_or_host.gateway_or_host,
    ThreadQuestion.GATEWAY: gateway_or_host.is_gateway_healthy,
    ThreadQuestion.WHERE: incident_answers.which_gateway,
    ThreadQuestion.NOT_CHECKED: incident_answers.what_was_not_checked,
    ThreadQuestion.TRAFFIC: incident_answers.traffic,
    ThreadQuestion.ADDRESS: incident_answers.egress_address,
}
"""The questions that the report alone answers."""

_FROM_STEPS: Mapping[ThreadQuestion, Callable[[Run, Report, Sequence[TriedStep]], Message]] = {
    ThreadQuestion.NEXT: thread_answers.next_steps,
    ThreadQuestion.RAN: partial(thread_answers.next_steps, ran=True),
}
"""The questions about the recipe, with the steps that were carried out."""

_FROM_TRIED: Mapping[ThreadQuestion, Callable[[Run, Report | None, Sequence[TriedStep]], Message]] = {
    ThreadQuestion.TRIED: recipe_answers.what_was_tried,
    ThreadQuestion.UNDO: recipe_answers.how_to_undo,
}
"""The questions about the steps that were carried out, which need no report."""


def _about_present(
    handler: InteractionHandler, question: ThreadQuestion, run: Run, now: PresentState, interaction: Interaction
) -> Message | None:
    if now.gone is not None:
        return unreported.no_longer_exists(now)
    if question is ThreadQuestion.FIXED:
        return _is_fixed(handler, run, now, interaction)
    if question in (ThreadQuestion.REPORT, ThreadQuestion.EVIDENCE):
        return unreported.earlier_report(now, run)
    if (about_tried := _FROM_TRIED.get(question)) is not None:
        return present.with_time(about_tried(now.run, now.report, now.tried), now, run)
    if question is ThreadQuestion.LASTED:
        return present.with_time(outage_length.how_long_broken(now), now, run)
    if now.report is None:
        others = _others(handler, now.run, interaction) if question is ThreadQuestion.AFFECTED else None
        more = incident_answers.affected_gateways(others) if others is not None else []
        return unreported.unreported_answer(question, now, run, more)
    return present.with_time(_from_report(handler, question, now, now.report, interaction), now, run)


def _is_fixed(handler: InteractionHandler, run: Run, now: PresentState, interaction: Interaction) -> Message | None:
    """The result of a check that has just ended; else one is started, which answers."""
    if not run.state.ended:
        return present.checking_now(now)
    if datetime.now(UTC) - now.at <= FRESH:
        return present.is_fixed(now, run)
    answer = buttons.check_again(handler, run.id, interaction)
    return answer if answer is not None and answer.slot in _NOT_STARTED else present.checking_now(now)


_NOT_STARTED = ("refused", "unavailable", "too-old")
"""The slots of answers to a check that was not started. Others say where it runs."""


def _from_report(
    handler: InteractionHandler, question: ThreadQuestion, now: PresentState, report: Report, interaction: Interaction
) -> Message:
    run = now.run
    if (answer := _FROM_REPORT.get(question)) is not None:
        return answer(run, report)
    if (about_steps := _FROM_STEPS.get(question)) is not None:
        return about_steps(run, report, now.tried)
    match question:
        case ThreadQuestion.CHANGED:
            earlier = run.compared or run.order.after
            before = handler.find(Run, earlier, interaction) if earlier else None
            known = before if isinstance(before, Run) else None
            return thread_answers.what_changed(run, report, known, now.state)
        case ThreadQuestion.AFFECTED:
            return incident_answers.what_is_affected(run, report, _others(handler, run, interaction))
        case ThreadQuestion.SINCE:
            return incident_answers.since_when_broken(run, report, now.state)
        case ThreadQuestion.RESTART:
            offered = may_restart(handler, run, interaction)
            return recipe_answers.is_it_safe(run, report, restart_offered=offered)
        case _:
            return private_answers.explanation(run, buttons.mechanisms())


def _file(
    handler: InteractionHandler, question: ThreadQuestion, run: Run, now: PresentState, interaction: Interaction
) -> Message | None:
    """Post the last report or its evidence; the answer says if a newer check has none."""
    send = buttons.send_report if question is ThreadQuestion.REPORT else buttons.send_bundle
    answer = send(handler, now.run.id, interaction)
    if answer is None or answer.slot not in ("filed", "there"):
        return answer
    if now.report is None or now.gone is not None:
        kind = "report" if question is ThreadQuestion.REPORT else "evidence"
        return unreported.earlier_report(now, run, kind)
    # The file itself is the answer, unless it is in the thread already.
    return answer if answer.slot == "there" else None


def _others(handler: InteractionHandler, run: Run, interaction: Interaction) -> list[GatewayVerdict]:
    """The last verdicts of the other gateways that the user may check in this channel."""
    clusters, _ = permitted_clusters(handler, interaction, "diagnose")
    target = checked_target(run)
    requester, mine = handler.requester(interaction), (target.cluster, target.namespace, target.gateway)
    found = [
        each
        for each in handler.client.installation(clusters).verdicts
        if (each.cluster, each.namespace, each.gateway) != mine
        and is_permitted(handler.config.access, requester, "diagnose", each.cluster, f"{each.namespace}/{each.gateway}")
    ]
    return sorted(found, key=lambda each: (each.cluster != target.cluster, each.cluster, each.namespace, each.gateway))[
        :_MOST_OTHERS
    ]
