"""The verdict as a message: root causes with their symptoms, recent changes."""

from collections.abc import Iterator

from bot.messages.blocks import (
    Block,
    Message,
    actions,
    as_code,
    button,
    context,
    fallback,
    fitting,
    plain,
    raw,
    section,
)
from bot.messages.findings import findings_explained_by
from bot.messages.headlines import coverage_of, fault_of, sentence_of
from bot.messages.interaction_values import FindingValue
from bot.messages.phrases import DATE_AND_TIME, VERDICT_MARKS, local_time, requester_of, since_when
from checks.model.findings import Finding, Report, Verdict
from checks.reports.traffic_words import traffic_line
from checks.reports.wording import VERDICTS, explains, plural, roots_of
from workers.records.run import Run


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
            blocks += _folded(run, report, cause)
    else:
        # Each reason not to check has its own message in the thread.
        reasons = report.verdict is Verdict.INCONCLUSIVE and bool(report.not_checked)
        blocks.append(section(raw(f"{mark} *{VERDICTS[report.verdict]}*" if reasons else f"{mark} {plain(sentence)}")))
    if report.changes:
        rows = "\n".join(
            f"• {local_time(c.at, DATE_AND_TIME)} {as_code(c.resource)} {plain(c.what)}"
            + (f" by {plain(c.who)}" if c.who else "")
            for c in report.changes[:5]
        )
        blocks.append(section(raw(f"*Recent changes*\n{rows}")))
    if traffic := traffic_line(report):
        blocks.append(section(plain(f"{traffic}.")))
    blocks.append(context(raw(coverage_of(report)), raw(f"Requested by {requester_of(run.order.user)}")))
    words = {
        Verdict.HEALTHY: "Healthy. ",
        Verdict.DEGRADED: "Warning: ",
        Verdict.STARTING: "Starting: ",
        Verdict.BROKEN: "Root cause: ",
        Verdict.INCONCLUSIVE: "Inconclusive: ",
    }[report.verdict]
    return Message("verdict", fallback(f"{words}{fault_of(report)}{sentence}"), fitting(blocks), final=True)


def _folded(run: Run, report: Report, cause: Finding) -> Iterator[Block]:
    names = findings_explained_by(report, cause.check)
    if names:
        titles = ", ".join(plain(f"{f.code} {f.title}") for f in explains(report, cause.check)[:12])
        yield context(raw(f"Explains {plural(len(names), 'other finding')}: {titles}"))
        yield actions(
            [
                button(
                    f"Show {plural(len(names), 'finding')}",
                    f"unfold/{cause.check}",
                    FindingValue(run=run.id, finding=cause.check).encode(),
                )
            ]
        )
