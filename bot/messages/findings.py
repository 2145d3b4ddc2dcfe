"""Findings as messages: observation, evidence, cause and actions.

Symptoms are folded into a line with a button.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence

from bot.messages.blocks import (
    Block,
    Escaped,
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
from bot.messages.interaction_values import FindingValue
from bot.messages.phrases import DATE_AND_TIME, RUNNING_MARK, SEVERITY_WORDS, STATUS_MARKS, local_time
from bot.messages.recipe_progress import RecipeProgress
from bot.messages.recipes import recipe
from bot.messages.step_offers import steps_for
from checks.model.findings import Finding, Report, Status, Verdict
from checks.reports.wording import STAGES, codes_of, explains, plural, roots_of
from workers.records.run import Run

UNKNOWN = "unknown/"
"""The beginning of the slots of reasons why checks were not made."""


def findings_of(run: Run) -> Sequence[Finding]:
    """The findings so far; after the run those of the report, which name their causes."""
    return run.report.findings if run.report is not None else run.findings


def named_findings(findings: Iterable[Finding]) -> Iterator[tuple[str, Finding]]:
    """The failures and warnings, each with a stable name: `check`, `check#2`, …"""
    count: dict[str, int] = {}
    for finding in findings:
        if finding.status in (Status.FAIL, Status.WARN):
            number = count[finding.check] = count.get(finding.check, 0) + 1
            yield finding.check + (f"#{number}" if number > 1 else ""), finding


def finding_messages(
    run: Run, only: Iterable[Finding] | None = None, offered: Collection[str] = ()
) -> Iterator[Message]:
    """A reply for each failure and warning, root causes first.

    At the end of the run, one for each reason why checks were not made.

    After the run, each symptom is folded into the message of its cause. `only` selects the findings, for a re-check: without
    a message of the verdict, that of a root cause names its symptoms. `offered` are the permissions of the active steps with
    a button.
    """
    found = findings_of(run)
    wanted = None if only is None else {id(finding) for finding in only}
    roots = {id(f): n for n, f in enumerate(roots_of(run.report) if run.report is not None else ())}
    depths = _depths(found)
    folded = folded_findings(run.report) if run.report is not None else frozenset()
    replies: list[tuple[tuple[int, bool, int, str], Message]] = []
    for name, finding in named_findings(found):
        if name not in folded and (wanted is None or id(finding) in wanted):
            order = (
                roots.get(id(finding), 1000),
                finding.status is not Status.FAIL,
                depths[finding.check],
                finding.code,
            )
            replies.append((order, _reply(run, finding, name, offered, in_verdict=wanted is None)))
    yield from (message for _, message in sorted(replies, key=lambda each: each[0]))
    if run.report is not None:
        unknown = {f.check for f in found if f.status is Status.UNKNOWN and (wanted is None or id(f) in wanted)}
        yield from _not_checked(run.id, run.report, unknown)


def _depths(found: Sequence[Finding]) -> dict[str, int]:
    """The number of causes between each check and its root cause; 0 if nothing explains it."""
    causes = {f.check: set(f.explained_by) for f in found}
    depths = {check: 0 for check, why in causes.items() if not why & causes.keys()}
    for depth in range(1, len(causes)):
        depths |= {check: depth for check, why in causes.items() if check not in depths and why & depths.keys()}
    return {check: depths.get(check, len(causes)) for check in causes}


def _reply(run: Run, finding: Finding, name: str, offered: Collection[str], *, in_verdict: bool) -> Message:
    """`in_verdict`: a message of the verdict names the symptoms of root causes."""
    slot, text = f"finding/{name}", notification_of(finding)
    if finding.explained_by:
        row = actions([button("Details", "open", FindingValue(run=run.id, finding=name).encode())])
        return Message(slot, text, fitting([_heading(finding), *_origin(run, finding)], [row]))
    steps = list(steps_for(run, finding, offered))
    progress = RecipeProgress(run.id) if run.report is not None else None
    closing = [actions(steps)] if steps else []
    report = run.report
    if report is not None and not (in_verdict and report.verdict is Verdict.BROKEN and finding in roots_of(report)):
        closing += symptoms_of(run, report, finding)
    return Message(slot, text, fitting(_finding_blocks(run, finding, progress), closing))


def folded_findings(report: Report) -> frozenset[str]:
    """The names of the findings that another finding of the report explains."""
    causes = {f.check for _, f in named_findings(report.findings) if not f.explained_by}
    return frozenset(name for cause in causes for name in findings_explained_by(report, cause))


def symptoms_of(run: Run, report: Report, cause: Finding) -> Iterator[Block]:
    """The findings that a cause explains: their titles, and a button that shows them."""
    names = findings_explained_by(report, cause.check)
    if names:
        titles = ", ".join(code_and_title(f) for f in explains(report, cause.check)[:12])
        yield context(raw(f"Explains {plural(len(names), 'other finding')}: {titles}"))
        value = FindingValue(run=run.id, finding=cause.check).encode()
        yield actions([button(f"Show {plural(len(names), 'finding')}", f"unfold/{cause.check}", value)])


def finding_details(run: Run, names: Iterable[str]) -> Message | None:
    """Findings in full, for the person who opened them; None if the run has none of these."""
    by_name = dict(named_findings(findings_of(run)))
    chosen = [by_name[name] for name in names if name in by_name]
    if not chosen:
        return None
    blocks: list[Block] = []
    for finding in chosen:
        blocks += [*_finding_blocks(run, finding), {"type": "divider"}]
    return Message("opened", notification_of(chosen[0]), fitting(blocks[:-1]), thread=False)


def _finding_blocks(run: Run, finding: Finding, progress: RecipeProgress | None = None) -> Iterator[Block]:
    yield _heading(finding)
    yield from _evidence(finding)
    yield from _origin(run, finding)
    yield from recipe(finding.actions, (finding.check, finding.subject), progress)
    steps = f" · AKS article, step {plain(', '.join(finding.article_steps))}" if finding.article_steps else ""
    severity = SEVERITY_WORDS[finding.severity]
    since = f"since {local_time(finding.since, DATE_AND_TIME)} · " if finding.since is not None else ""
    yield context(raw(f"{since}{STAGES[finding.stage]} · {severity} · {as_code(finding.check)}{steps}"))


def notification_of(finding: Finding) -> str:
    """A finding in a notification: a lock screen cuts the text, so the fault precedes names."""
    return fallback(f"{finding.title} ({finding.code}). {finding.summary}")


def code_and_title(finding: Finding) -> Escaped:
    """A finding in a list: its code and title."""
    return plain(f"{finding.code} {finding.title}")


def _heading(finding: Finding) -> Block:
    pending = finding.pending and finding.status is Status.WARN
    mark = RUNNING_MARK if pending else STATUS_MARKS[finding.status]
    return section(
        raw(
            f"{mark} *{code_and_title(finding)}*\n{plain(finding.summary)}{f' {plain(finding.doubt)}' if finding.doubt else ''}"
        )
    )


def _origin(run: Run, finding: Finding) -> Iterator[Block]:
    if finding.explained_by:
        yield context(raw(f"Caused by {_named(run, finding.explained_by)}"))
    elif finding.possible_causes:
        yield context(raw(f"Possible cause, not checked: {_named(run, finding.possible_causes)}"))


def _evidence(finding: Finding) -> Iterator[Block]:
    lines = []
    for each in finding.evidence:
        wanted = f", expected {plain(each.expected)}" if each.expected else ""
        lines.append(f"• {as_code(each.resource)} {as_code(each.field)}: {as_code(each.observed)}{wanted}")
    for start in range(0, len(lines), 10):
        yield section(raw("\n".join(lines[start : start + 10])))


def _named(run: Run, slugs: Iterable[str]) -> Escaped:
    titles = {f.check: plain(f"{f.code} {f.title}") for f in findings_of(run)}
    return raw("; ".join(titles.get(slug, as_code(slug)) for slug in slugs))


def _not_checked(run: str, report: Report, wanted: Collection[str]) -> Iterator[Message]:
    """A reply for each reason why some of these checks were not made.

    It has their codes: a title names a fault, and none was found.
    """
    for each in report.not_checked:
        if not set(each.checks) & set(wanted):
            continue
        not_made = f"{plural(len(each.checks), 'check')} not made"
        blocks = [
            section(raw(f"❔ *Not checked:* {plain(each.reason)}")),
            context(raw(f"{not_made}: {codes_of(report, each.checks)}")),
            *recipe(each.actions, (each.checks[0], ""), RecipeProgress(run)),
        ]
        slot = hashlib.sha256(each.reason.encode()).hexdigest()[:8]
        yield Message(f"{UNKNOWN}{slot}", fallback(f"Not checked: {each.reason}; {not_made}"), fitting(blocks))


def findings_explained_by(report: Report, cause: str) -> tuple[str, ...]:
    """The names of the findings that a root cause explains, directly or indirectly."""
    reached, found = {cause}, list(named_findings(report.findings))
    for _ in found:
        reached |= {f.check for _, f in found if reached & set(f.explained_by)}
    return tuple(name for name, f in found if f.check in reached - {cause} and f.explained_by)
