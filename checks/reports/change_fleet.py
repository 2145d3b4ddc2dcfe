"""The effect of a proposed change on every gateway of clusters, as text and as Markdown.

Only gateways that change are reported in full, the worst first.
"""

from collections.abc import Iterator, Sequence

from checks.engine.if_applied import IfApplied
from checks.engine.sweep import ClusterSweep
from checks.model.columns import after, narrow
from checks.model.findings import Verdict
from checks.model.inert_text import inert
from checks.reports.change_markdown import change_markdown
from checks.reports.change_text import change_lines
from checks.reports.change_wording import headline_if_applied
from checks.reports.fleet import BEST_FIRST
from checks.reports.markdown_text import escaped
from checks.reports.wording import plural


def fleet_lines(swept: Sequence[ClusterSweep], seconds: float) -> Iterator[str]:
    """The reports of the gateways that change, then the others, then the summary."""
    same, different = _split(swept)
    for cluster, found in reversed(different):
        yield from narrow(f"{cluster}  {_name(found)}")
        yield from change_lines(found)
        yield ""
    for each in swept:
        if each.problem:
            yield from _row("not checked", f"{each.cluster}  {each.problem}")
        elif not each.applied:
            yield from _row("", f"{each.cluster}  No egress gateway is enabled.")
    for cluster, found in same:
        yield from _row("no change", f"{cluster}  {_name(found)}  {headline_if_applied(found)}")
    yield ""
    yield from narrow(f"{_summary(swept)}; {seconds:.1f} s")


def _row(result: str, words: str) -> Iterator[str]:
    yield from after(f"{result:<12}  ", words)


def fleet_markdown(swept: Sequence[ClusterSweep]) -> str:
    """The summary, then the reports of the gateways that change, then the others in a list."""
    return inert("\n".join(_markdown(swept)).rstrip() + "\n")


def _markdown(swept: Sequence[ClusterSweep]) -> Iterator[str]:
    same, different = _split(swept)
    yield "# Would this change break egress?"
    yield ""
    yield f"{escaped(_summary(swept))}."
    for each in swept:
        if each.problem:
            yield ""
            yield f"❔ {escaped(each.cluster)} is not checked: {escaped(each.problem)}"
    for _, found in reversed(different):
        yield ""
        yield change_markdown(found).rstrip()
    if same:
        yield ""
        yield f"<details><summary>{plural(len(same), 'gateway')} without a change</summary>"
        yield ""
        yield from (
            f"- {escaped(f'{cluster} {_name(found)}: {headline_if_applied(found)}')}" for cluster, found in same
        )
        yield ""
        yield "</details>"


_Applied = tuple[str, IfApplied]


def _split(swept: Sequence[ClusterSweep]) -> tuple[list[_Applied], list[_Applied]]:
    """The gateways without a difference, and the others; the worst last."""
    every = [(each.cluster, found) for each in swept for found in each.applied]
    every.sort(key=lambda each: (each[1].breaks, BEST_FIRST.index(each[1].verdict), each[0], _name(each[1])))
    different = [each for each in every if _is_shown(each[1])]
    return [each for each in every if each not in different], different


def _is_shown(found: IfApplied) -> bool:
    return found.changes_anything or bool(found.refused) or found.uncertain


def _name(found: IfApplied) -> str:
    return f"{found.then.namespace}/{found.then.gateway}"


def _summary(swept: Sequence[ClusterSweep]) -> str:
    every = [found for each in swept for found in each.applied]
    broken = sum(each.breaks and (each.now.verdict is not Verdict.BROKEN or _is_shown(each)) for each in every)
    unsure = sum(not each.breaks and each.verdict is Verdict.INCONCLUSIVE for each in every)
    shown = sum(map(_is_shown, every))
    unchecked = sum(bool(each.problem) for each in swept)
    more = f", {plural(unchecked, 'cluster')} not checked" if unchecked else ""
    return (
        f"{plural(len(every), 'gateway')} in {plural(len(swept), 'cluster')}: {broken} would break, "
        f"{unsure} inconclusive, {shown} with a difference, {len(every) - shown} without{more}"
    )
