"""Answers about the recipe in a thread: what was tried, what takes it back, what is safe."""

from collections.abc import Sequence

from bot.messages.blocks import Message, as_code, plain, raw, section
from bot.messages.headlines import name_of
from bot.messages.outcomes import gateway_mark
from bot.messages.recipe_progress import next_line, tried_line
from bot.messages.recipes import action_text
from bot.messages.thread_answers import thread_answer
from checks.model.commands import is_command
from checks.model.findings import Action, Effect, Report, Verdict
from checks.reports.host_words import gateway_sentence, is_about_host
from checks.reports.wording import acting_causes, after_colon, plural, why_inconclusive
from workers.records.run import Run
from workers.records.tried import TriedStep


def what_was_tried(run: Run, report: Report | None, tried: Sequence[TriedStep]) -> Message:
    """The steps that were carried out, with what came of each, and the next one, if any."""
    name = as_code(name_of(run))
    following = next_line(report, tried) if report is not None else None
    rest = [following] if following is not None else []
    if not tried:
        press = " After a step, press *I ran it*." if rest else ""
        lines = [raw(f"No step for {name} was carried out with this bot.{press}"), *rest]
    else:
        lines = [raw(f"*Tried for* {name}"), *map(tried_line, tried[-10:]), *rest]
    return thread_answer(
        f"{plural(len(tried), 'step') if tried else 'Nothing'} tried: {name_of(run)}", [section(raw("\n".join(lines)))]
    )


def how_to_undo(run: Run, report: Report | None, tried: Sequence[TriedStep]) -> Message:
    """The command that takes back each step: of those carried out, else of the recipe."""
    done = [Action(each.step.title, undo=each.step.undo) for each in reversed(tried) if each.step.undo]
    steps = done or [each for each in (_changing(report) if report is not None else ()) if each.undo]
    if not steps and report is None:
        words = f"No step that changes the cluster was carried out for {name_of(run)} with this bot."
        return thread_answer(words, [section(raw(plain(words)))])
    if not steps:
        words = f"No step that changes the cluster was carried out for {name_of(run)}, and none is in the recipe."
        return thread_answer(words, [section(raw(plain(words)))])
    head = "*Undo, the latest step first*" if done else "*No step was carried out with this bot. Undo of each step*"
    blocks = [section(raw(head)), *(section(action_text(_undo_of(each))) for each in steps[:10])]
    return thread_answer(f"Undo: {name_of(run)}", blocks)


def _undo_of(step: Action) -> Action:
    if is_command(step.undo):
        return Action(step.title, step.undo, Effect.CHANGES)
    return Action(f"{step.title}: {step.undo}", "", Effect.READS)


def is_it_safe(run: Run, report: Report, *, restart_offered: bool) -> Message:
    """Which steps of the fix interrupt traffic, and whether a restart is one of them.

    `restart_offered`: the user may request the plan of a restart here.
    """
    name = as_code(name_of(run))
    steps = _changing(report)
    cuts = [each for each in steps if each.effect is Effect.DISRUPTS]
    restarts = [each for each in steps if "rollout restart" in each.command]
    match report.verdict:
        case _ if is_about_host(report) and not restarts:
            about = f"*A restart does not help:* no cause of {as_code(report.host or '')} has one as its step."
            lines = [raw(f"{gateway_mark(report)} {about}"), plain(gateway_sentence(report))]
        case Verdict.HEALTHY:
            lines = [raw(f"✅ {name} is healthy: no restart is needed.")]
        case Verdict.STARTING:
            lines = [raw(f"⏳ *Not now:* {name} is starting. A restart begins the start again.")]
        case Verdict.INCONCLUSIVE:
            lines = [
                raw(f"❔ *Not checked* whether a restart is safe: {plain(after_colon(why_inconclusive(report)))}.")
            ]
        case _ if restarts:
            lines = [raw(f"⚠️ *A restart is a step of the fix* for {name}. Carry out the steps before it first.")]
        case _:
            lines = [raw(f"❌ *No cause of {name} has a restart as its step.* A restart interrupts open connections.")]
    if cuts:
        lines += [raw("Steps that interrupt traffic:"), *(raw(f"• {plain(each.title)}") for each in cuts[:6])]
    elif steps:
        lines.append(raw(f"{plural(len(steps), 'step')} of the fix {'changes' if len(steps) == 1 else 'change'} the cluster."
                         " None interrupts traffic."))  # fmt: skip
    if restart_offered and report.verdict is not Verdict.STARTING:
        lines.append(
            raw(f"{as_code('restart')} in this thread shows the plan first; nothing changes before you confirm it.")
        )
    return thread_answer(f"Restart: {name_of(run)}", [section(raw("\n".join(lines)))])


def _changing(report: Report) -> list[Action]:
    """The steps of the causes that change something, without alternatives."""
    steps = [each for cause in acting_causes(report) for each in cause.actions]
    return list(dict.fromkeys(each for each in steps if each.effect is not Effect.READS and not each.alternative_to))
