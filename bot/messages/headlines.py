"""A run in one line: for the channel as Slack shows it, and as plain words for a lock screen."""

from bot.messages.blocks import Escaped, as_code, plain, raw
from bot.messages.phrases import RUNNING_MARK, VERDICT_MARKS
from checks.model.findings import Report, Status, Verdict
from checks.reports.wording import VERDICTS, plural, roots_of
from workers.runs.records import Run, RunState


def headline_of(run: Run) -> tuple[Escaped, str]:
    """The headline as mrkdwn, and as plain words: its first 90 characters are what a lock screen shows."""
    target = run.order.target
    name = name_of(run)
    where = raw(f"{as_code(name)} on {as_code(target.cluster)}")
    match run.state:
        case RunState.QUEUED:
            return raw(
                f"{RUNNING_MARK} *Waiting for a worker:* {where}"
            ), f"{name} on {target.cluster}: waiting for a worker…"
        case RunState.RUNNING:
            return raw(f"{RUNNING_MARK} *Checking* {where}…"), f"{name} on {target.cluster}: checking…"
        case RunState.CANCELLED:
            who = raw(f" by <@{run.cancelled_by}>") if run.cancelled_by else ""
            return raw(f"▫️ *Stopped*{who}: {where}"), f"Stopped: {name} on {target.cluster}"
        case RunState.REFUSED:
            return (
                raw(f"❔ *Could not be checked:* {where}\n{plain(run.problem)}"),
                f"Could not be checked: {name} on {target.cluster}: {run.problem}",
            )
        case RunState.FAILED:
            token = raw(f" Error {as_code(run.error)}: it is in the log of the workers.") if run.error else raw("")
            return (
                raw(f"❔ *The run failed:* {where}\n{plain(run.problem)}{token}"),
                f"The run failed: {name} on {target.cluster}: {run.problem}",
            )
        case RunState.DONE:
            return _verdict_line(run, where, name)


def _verdict_line(run: Run, where: Escaped, name: str) -> tuple[Escaped, str]:
    report = run.report
    if report is None:
        # Evidence is kept for a shorter time than the run.
        return raw(f"▫️ *Checked* {where}"), f"Checked: {name}"
    mark = VERDICT_MARKS[report.verdict]
    sentence = sentence_of(report)
    word = VERDICTS[report.verdict]
    return (
        raw(f"{mark} *{word}:* {where}\n{plain(sentence)}"),
        f"{word}: {name} on {report.cluster}. {_gist(report)}{sentence}",
    )


def _gist(report: Report) -> str:
    """The cause in a few words: the whole sentence may begin after what a lock screen shows."""
    roots = roots_of(report)
    if report.verdict is Verdict.BROKEN and roots:
        return f"{roots[0].title}. "
    return ""


def sentence_of(report: Report) -> str:
    """The verdict's reason in one sentence."""
    roots = roots_of(report)
    match report.verdict:
        case Verdict.BROKEN:
            more = f" And {plural(len(roots) - 1, 'more root cause')}, below." if len(roots) > 1 else ""
            return (roots[0].summary if roots else "A check failed.") + more
        case Verdict.INCONCLUSIVE:
            missing = f" Missing: {report.gaps[0]}" if report.gaps else ""
            more = f" and {len(report.gaps) - 1} more." if len(report.gaps) > 1 else "." if report.gaps else ""
            return f"Nothing failed, but {plural(len(report.of(Status.UNKNOWN)), 'check')} could not be made.{missing}{more}"
        case Verdict.DEGRADED:
            warnings = report.of(Status.WARN)
            more = f" And {plural(len(warnings) - 1, 'more warning')}, below." if len(warnings) > 1 else ""
            return warnings[0].summary + more
        case Verdict.HEALTHY:
            return f"{plural(len(report.of(Status.PASS)), 'check')} passed; nothing failed or warns."


def name_of(run: Run) -> str:
    """`namespace/name` of the gateway, as far as it is known."""
    target = run.order.target
    if run.report is not None:
        return f"{run.report.namespace}/{run.report.gateway}"
    return f"{target.namespace}/{target.gateway}" if target.namespace else target.gateway


def coverage_of(report: Report) -> str:
    """How much could be looked at: \"27 checked, 3 could not be checked, 2 do not apply\"."""
    unknown = {f.check for f in report.of(Status.UNKNOWN)}
    skipped = {f.check for f in report.of(Status.SKIPPED)}
    checked = {f.check for f in report.findings} - unknown - skipped
    parts = [f"{len(checked)} checked"]
    if unknown:
        parts.append(f"{len(unknown)} could not be checked")
    if skipped:
        parts.append(f"{len(skipped)} {'does' if len(skipped) == 1 else 'do'} not apply")
    return ", ".join(parts)
