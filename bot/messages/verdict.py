"""The verdict as a message: root causes with their symptoms, recent changes."""

from bot.messages.blocks import (
    Block,
    Message,
    context,
    fallback,
    fitting,
    plain,
    raw,
    section,
)
from bot.messages.findings import symptoms_of
from bot.messages.headlines import coverage_of, fault_of, sentence_of
from bot.messages.phrases import VERDICT_MARKS, requester_of, since_when
from bot.messages.recent_changes import recent_events
from checks.model.findings import Report, Verdict
from checks.reports.wording import VERDICTS, after_colon, roots_of
from workers.records.run import Run


def needs_verdict(report: Report) -> bool:
    """Whether the thread has a message of the verdict; other parents say all of it."""
    return report.verdict is Verdict.BROKEN


def verdict_message(run: Run, report: Report) -> Message:
    """The message that ends a run's thread."""
    mark = VERDICT_MARKS[report.verdict]
    sentence = sentence_of(report)
    blocks: list[Block] = []
    roots = roots_of(report)
    if roots:
        blocks.append(section(raw(f"{mark} *{'Root cause' if len(roots) == 1 else 'Root causes'}*")))
        for cause in roots[:10]:
            begun = run.beginning(cause)
            since = f"\n⏱ {since_when(begun)}" if begun is not None else ""
            heading = f"*{plain(f'{cause.code} {cause.title}')}*"
            doubt = f"\n{plain(cause.doubt)}" if cause.doubt else ""
            blocks.append(section(raw(f"{heading}\n{plain(cause.summary)}{doubt}{since}")))
            blocks += symptoms_of(run, report, cause)
    else:
        # Each reason not to check has its own message in the thread.
        reasons = report.verdict is Verdict.INCONCLUSIVE and bool(report.not_checked)
        blocks.append(section(raw(f"{mark} *{VERDICTS[report.verdict]}*" if reasons else f"{mark} {plain(sentence)}")))
    blocks += recent_events(report)
    blocks.append(context(raw(coverage_of(report)), raw(f"Requested by {requester_of(run.order.user)}")))
    words = {
        Verdict.HEALTHY: "Healthy. ",
        Verdict.DEGRADED: "Warning: ",
        Verdict.STARTING: "Starting: ",
        Verdict.BROKEN: "Root cause: ",
        Verdict.INCONCLUSIVE: "Inconclusive: ",
    }[report.verdict]
    return Message(
        "verdict", fallback(f"{words}{after_colon(fault_of(report))}{sentence}"), fitting(blocks), final=True
    )
