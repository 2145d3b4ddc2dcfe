"""A run in one line: in mrkdwn for the channel, in plain text for notifications."""

from bot.messages.blocks import Escaped, as_code, plain, raw
from bot.messages.phrases import RUNNING_MARK, VERDICT_MARKS
from checks.model.findings import Report, Status, Verdict
from checks.reports.host_words import host_outcome, is_about_host, is_through, verdict_of_gateway
from checks.reports.impact import impact_of, short_impact_of
from checks.reports.wording import VERDICTS, after_colon, pending_of, plural, roots_of, warnings_of, why_inconclusive
from workers.records.run import Run, RunState


def headline_of(run: Run) -> tuple[Escaped, str]:
    """The headline in mrkdwn and in plain text.

    A lock screen shows the first 90 characters of the plain text.
    """
    target = run.order.target
    name = name_of(run)
    where = raw(f"{as_code(name)} on {as_code(target.cluster)}")
    where_plain = f"{name} on {target.cluster}"
    match run.state:
        case RunState.QUEUED:
            return raw(f"{RUNNING_MARK} *Waiting for a worker:* {where}"), f"{where_plain}: waiting for a worker…"
        case RunState.RUNNING:
            return raw(f"{RUNNING_MARK} *Checking* {where}…"), f"{where_plain}: checking…"
        case RunState.CANCELLED:
            who = raw(f" by <@{run.cancelled_by}>") if run.cancelled_by else ""
            return raw(f"▫️ *Stopped*{who}: {where}"), f"Stopped: {where_plain}"
        case RunState.REFUSED:
            return (
                raw(f"❔ *Not checked:* {where}\n{plain(run.problem)}"),
                f"Not checked: {run.problem} ({where_plain})",
            )
        case RunState.FAILED:
            token = raw(f" Error {as_code(run.error)}; details are in the worker log.") if run.error else raw("")
            return (
                raw(f"❔ *The run failed:* {where}\n{plain(run.problem)}{token}"),
                f"Failed: {run.problem} ({where_plain})",
            )
        case RunState.DONE:
            return _verdict_line(run, where, name)


def _verdict_line(run: Run, where: Escaped, name: str) -> tuple[Escaped, str]:
    report = run.report
    if report is None:
        # The report expires before the record of the run does.
        return raw(f"▫️ *Checked* {where}"), f"Checked: {name}"
    sentence = sentence_of(report)
    if is_about_host(report):
        return _host_line(report, where, name, sentence)
    mark, word, on = VERDICT_MARKS[report.verdict], VERDICTS[report.verdict], f"{name} on {report.cluster}"
    match report.verdict:
        case Verdict.HEALTHY:
            return raw(f"{mark} *{word}:* {where}\n{plain(sentence)}"), f"{word}: {on}. {sentence}"
        case Verdict.INCONCLUSIVE:
            lines = not_checked_lines(report) or (plain(sentence),)
            unsure = f"{mark} *{impact_of(report)}*"
            return raw("\n".join([unsure, *lines, f"*{word}:* {where}"])), f"{word}: {after_colon(sentence)} {on}."
        case _:
            impact, fault = impact_of(report), fault_of(report)
            first = f"{impact}: {after_colon(fault.removesuffix('. '))}" if fault else impact
            return (
                raw(f"{mark} *{plain(first)}*\n*{word}:* {where}\n{plain(sentence)}"),
                f"{short_impact_of(report)}: {after_colon(fault)}{on}. {sentence}",
            )


def not_checked_lines(report: Report, *, with_step: bool = False) -> tuple[Escaped, ...]:
    """A line for each reason why checks were not made, with their number.

    `with_step` adds the title of its first action, if no recipe shows it.
    """
    reasons = report.not_checked
    found = [
        raw(
            f"❔ {plain(each.reason)}: {plural(len(each.checks), 'check')} not made"
            + (f" · 👉 {plain(each.actions[0].title)}" if with_step and each.actions else "")
        )
        for each in reasons[:_MOST_REASONS]
    ]
    if len(reasons) > _MOST_REASONS:
        found.append(raw(f"… and {plural(len(reasons) - _MOST_REASONS, 'more reason')}"))
    return tuple(found)


_MOST_REASONS = 6
"""Reasons not to check that a headline lists."""


def _host_line(report: Report, where: Escaped, name: str, sentence: str) -> tuple[Escaped, str]:
    """The outcome of the requested host; the gateway itself serves (docs/rulings.md#ruling-24)."""
    outcome = host_outcome(report)
    broken = report.verdict is Verdict.BROKEN
    mark = VERDICT_MARKS[report.verdict] if broken or is_through(report) else VERDICT_MARKS[Verdict.DEGRADED]
    gateway = "has no failure" if broken else f"is {VERDICTS[verdict_of_gateway(report)].lower()}"
    more = sentence if broken else f"The gateway {gateway}."
    return (
        raw(f"{mark} *{plain(outcome)}*\nThe gateway {where} {gateway}. {plain(sentence)}"),
        f"{outcome}. {more} {name} on {report.cluster}",
    )


def fault_of(report: Report) -> str:
    """The title of the first root cause, pending fault or warning, as a sentence.

    "" without one. It comes before all names: a lock screen cuts the text.
    """
    found = {Verdict.BROKEN: roots_of, Verdict.STARTING: pending_of, Verdict.DEGRADED: warnings_of}.get(report.verdict)
    faults = found(report) if found is not None else ()
    return f"{faults[0].title}. " if faults else ""


def sentence_of(report: Report) -> str:
    """The reason for the verdict in one sentence."""
    roots = roots_of(report)
    match report.verdict:
        case Verdict.BROKEN:
            first = roots[0].summary if roots else "A check failed."
            return first + _more(len(roots) - 1, "root cause")
        case Verdict.STARTING:
            pending = pending_of(report)
            return pending[0].summary + _more(len(pending) - 1, "pending check")
        case Verdict.INCONCLUSIVE:
            return f"{why_inconclusive(report)}."
        case Verdict.DEGRADED:
            warnings = warnings_of(report)
            return warnings[0].summary + _more(len(warnings) - 1, "warning")
        case Verdict.HEALTHY:
            return f"{plural(len(report.of(Status.PASS)), 'check')} passed; no failures or warnings."


def _more(count: int, noun: str) -> str:
    return f" {plural(count, f'more {noun}')} below." if count > 0 else ""


def name_of(run: Run) -> str:
    """`namespace/name` of the gateway, or its name alone while the namespace is unknown."""
    target = run.order.target
    if run.report is not None:
        return f"{run.report.namespace}/{run.report.gateway}"
    return f"{target.namespace}/{target.gateway}" if target.namespace else target.gateway


def coverage_of(report: Report) -> str:
    """The number of checks that were made: "27 checked, 3 not checked, 2 do not apply"."""
    unknown = {f.check for f in report.of(Status.UNKNOWN)}
    skipped = {f.check for f in report.of(Status.SKIPPED)}
    checked = {f.check for f in report.findings} - unknown - skipped
    parts = [f"{len(checked)} checked"]
    if unknown:
        parts.append(f"{len(unknown)} not checked")
    if skipped:
        parts.append(f"{len(skipped)} {'does' if len(skipped) == 1 else 'do'} not apply")
    return ", ".join(parts)
