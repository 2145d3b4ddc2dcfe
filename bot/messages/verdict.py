"""The one new message at the end: what it is, what it explains, what could not be seen."""

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
from bot.messages.headlines import coverage_of, sentence_of
from bot.messages.phrases import VERDICT_MARKS, local_time
from checks.model.findings import Finding, Report, Verdict
from checks.reports.wording import explains, plural, roots_of
from workers.runs.records import Run


def verdict_message(run: Run, report: Report) -> Message:
    """The one new message at the end: what it is, what it explains, what could not be seen."""
    mark = VERDICT_MARKS[report.verdict]
    sentence = sentence_of(report)
    blocks: list[Block] = []
    roots = roots_of(report)
    if roots:
        blocks.append(section(raw(f"{mark} *{'Root cause' if len(roots) == 1 else 'Root causes'}*")))
        for cause in roots[:10]:
            blocks.append(section(raw(f"*{plain(f'{cause.code} {cause.title}')}*\n{plain(cause.summary)}")))
            blocks += _folded(run, report, cause)
    else:
        blocks.append(section(raw(f"{mark} {plain(sentence)}")))
    if report.gaps:
        missing = "\n".join(f"• {plain(gap)}" for gap in report.gaps[:10])
        blocks.append(section(raw(f"❔ *Not seen*\n{missing}")))
    if report.changes:
        rows = "\n".join(
            f"• {local_time(c.at, '{date_short_pretty} {time}')} {as_code(c.resource)} {plain(c.what)}"
            + (f" by {plain(c.who)}" if c.who else "")
            for c in report.changes[:5]
        )
        blocks.append(section(raw(f"*Changed lately*\n{rows}")))
    blocks.append(context(raw(coverage_of(report)), raw(f"asked by <@{run.order.user}>")))
    words = {
        Verdict.HEALTHY: "Healthy. ",
        Verdict.DEGRADED: "Warning: ",
        Verdict.BROKEN: "Root cause: ",
        Verdict.INCONCLUSIVE: "Inconclusive: ",
    }[report.verdict]
    return Message("verdict", fallback(words + sentence), fitting(blocks), final=True)


def _folded(run: Run, report: Report, cause: Finding) -> Iterator[Block]:
    names = findings_explained_by(report, cause.check)
    if names:
        titles = ", ".join(plain(f"{f.code} {f.title}") for f in explains(report, cause.check)[:12])
        yield context(raw(f"explains {plural(len(names), 'other finding')}: {titles}"))
        yield actions(
            [button(f"Open {plural(len(names), 'finding')}", f"unfold/{cause.check}", f"{run.id}/{cause.check}")]
        )
