"""A finding as a message: what was observed, what it means, what to do. What a cause explains is folded, and can be opened."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from bot.messages.blocks import (
    Block,
    Escaped,
    Message,
    actions,
    as_code,
    button,
    code_block,
    context,
    fallback,
    fitting,
    plain,
    prose,
    raw,
    section,
)
from bot.messages.phrases import EFFECT_WORDS, STATUS_MARKS
from checks.model.findings import Action, Finding, Report, Status
from checks.reports.wording import STAGES, plural, roots_of
from workers.runs.records import Run


def findings_of(run: Run) -> Sequence[Finding]:
    """The findings as they stand: those of the report, which know their explanations, where there is one."""
    return run.report.findings if run.report is not None else run.findings


def named_findings(findings: Iterable[Finding]) -> Iterator[tuple[str, Finding]]:
    """What failed or warns, each with a name that stays: `check`, `check#2`, …"""
    count: dict[str, int] = {}
    for finding in findings:
        if finding.status in (Status.FAIL, Status.WARN):
            number = count[finding.check] = count.get(finding.check, 0) + 1
            yield finding.check + (f"#{number}" if number > 1 else ""), finding


def finding_messages(run: Run, only: Iterable[Finding] | None = None) -> Iterator[Message]:
    """A reply for each finding, root causes first; checks that one missing read keeps from being made share one. With
    `only`, just these."""
    seen = findings_of(run)
    wanted = None if only is None else {id(finding) for finding in only}
    roots = {id(f): n for n, f in enumerate(roots_of(run.report) if run.report is not None else ())}
    depths = _depths(seen)
    made: list[tuple[tuple[int, bool, int, str], Message]] = []
    for name, finding in named_findings(seen):
        if wanted is None or id(finding) in wanted:
            order = (
                roots.get(id(finding), 1000),
                finding.status is not Status.FAIL,
                depths[finding.check],
                finding.code,
            )
            made.append((order, _reply(run, finding, name)))
    yield from (message for _, message in sorted(made, key=lambda each: each[0]))
    yield from _unseen([f for f in seen if wanted is None or id(f) in wanted])


def _depths(seen: Sequence[Finding]) -> dict[str, int]:
    """How many causes lie between a check's findings and what explains them in the end; 0 for what nothing explains."""
    causes = {f.check: set(f.explained_by) for f in seen}
    depths = {check: 0 for check, why in causes.items() if not why & causes.keys()}
    for depth in range(1, len(causes)):
        depths |= {check: depth for check, why in causes.items() if check not in depths and why & depths.keys()}
    return {check: depths.get(check, len(causes)) for check in causes}


def _reply(run: Run, finding: Finding, name: str) -> Message:
    slot, text = f"finding/{name}", fallback(f"{finding.code} {finding.summary}")
    if finding.explained_by:
        row = actions([button("Details", "open", f"{run.id}/{name}")])
        return Message(slot, text, fitting([_heading(finding), *_origin(run, finding)], [row]))
    return Message(slot, text, fitting(_whole(run, finding)))


def finding_details(run: Run, names: Iterable[str]) -> Message | None:
    """Findings in full, for the person who opened them; None where the run has none of these."""
    by_name = dict(named_findings(findings_of(run)))
    chosen = [by_name[name] for name in names if name in by_name]
    if not chosen:
        return None
    blocks: list[Block] = []
    for finding in chosen:
        blocks += [*_whole(run, finding), {"type": "divider"}]
    return Message("opened", fallback(f"{chosen[0].code} {chosen[0].summary}"), fitting(blocks[:-1]), thread=False)


def _whole(run: Run, finding: Finding) -> Iterator[Block]:
    yield _heading(finding)
    yield from _evidence(finding)
    yield from _origin(run, finding)
    for each in finding.actions:
        yield section(action_text(each))
    steps = f" · article {plain(', '.join(finding.article_steps))}" if finding.article_steps else ""
    yield context(raw(f"{STAGES[finding.stage]} · {finding.severity} · {as_code(finding.check)}{steps}"))


def _heading(finding: Finding) -> Block:
    mark = STATUS_MARKS[finding.status]
    return section(raw(f"{mark} *{plain(f'{finding.code} {finding.title}')}*\n{plain(finding.summary)}"))


def _origin(run: Run, finding: Finding) -> Iterator[Block]:
    if finding.explained_by:
        yield context(raw(f"follows from {_named(run, finding.explained_by)}"))
    elif finding.possible_causes:
        yield context(raw(f"may follow from {_named(run, finding.possible_causes)}, which could not be checked"))


def _evidence(finding: Finding) -> Iterator[Block]:
    lines = []
    for each in finding.evidence:
        wanted = f", expected {plain(each.expected)}" if each.expected else ""
        lines.append(f"• {as_code(each.resource)} {as_code(each.field)}: {as_code(each.observed)}{wanted}")
    for start in range(0, len(lines), 10):
        yield section(raw("\n".join(lines[start : start + 10])))


def action_text(step: Action) -> Escaped:
    """What to do: the command in a block of its own, marked by what it does."""
    link = f" · <{step.url}|documentation>" if _is_plain_link(step.url) else ""
    then = f"\n_Then:_ {prose(step.expect)}" if step.expect else ""
    body = f"\n{code_block(step.command)}" if step.command else ""
    return raw(f"{plain(step.title)} _({EFFECT_WORDS[step.effect]})_{link}{body}{then}")


def _is_plain_link(url: str) -> bool:
    return url.startswith("https://") and not any(mark in url for mark in "<>| \n")


def _named(run: Run, slugs: Iterable[str]) -> Escaped:
    titles = {f.check: plain(f"{f.code} {f.title}") for f in findings_of(run)}
    return raw("; ".join(titles.get(slug, as_code(slug)) for slug in slugs))


def _unseen(seen: Sequence[Finding]) -> Iterator[Message]:
    by_reason: dict[str, list[Finding]] = {}
    for finding in seen:
        if finding.status is Status.UNKNOWN:
            by_reason.setdefault(finding.summary, []).append(finding)
    for finding_list in by_reason.values():
        first = finding_list[0]
        lines = "\n".join(f"• {plain(f'{f.code} {f.title}')}" for f in finding_list[:30])
        blocks = [
            section(raw(f"❔ {plain(first.summary)}")),
            section(raw(f"{plural(len(finding_list), 'check')} could not be made:\n{lines}")),
            *(section(action_text(each)) for each in first.actions),
        ]
        reason = hashlib.sha256(first.summary.encode()).hexdigest()[:8]
        yield Message(f"unknown/{reason}", fallback(f"Not checked: {first.summary}"), fitting(blocks))


def findings_explained_by(report: Report, cause: str) -> tuple[str, ...]:
    """The names of the findings that a root cause explains, directly or through others."""
    reached, found = {cause}, list(named_findings(report.findings))
    for _ in found:
        reached |= {f.check for _, f in found if reached & set(f.explained_by)}
    return tuple(name for name, f in found if f.check in reached - {cause} and f.explained_by)
