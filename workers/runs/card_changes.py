"""The next state of a card, from the stored one and a check or a change of the owner. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from checks.model.findings import Finding, Report, Verdict
from checks.reports.wording import pending_of, roots_of, warnings_of
from workers.records.card import QUIET, Card, OwnedBy, OwnerChange, ReportedResult
from workers.records.gateway_state import GatewayCheck
from workers.records.run import Run
from workers.records.tried import TriedStep, tried_step, with_tried

MOST_OWNER_CHANGES = 50
"""Changes of the owner that a card lists; the oldest are removed first."""

UNCHANGED_SECONDS = 120
"""Seconds between two edits of a card for checks of a watch without change."""

_OUTAGES = (Verdict.BROKEN, Verdict.STARTING, Verdict.INCONCLUSIVE)
"""Verdicts of a gateway that does not serve, or may not."""

_WORST_FIRST = (Verdict.BROKEN, Verdict.STARTING, Verdict.INCONCLUSIVE, Verdict.DEGRADED, Verdict.HEALTHY)


@dataclass(frozen=True, slots=True)
class SeenCheck:
    """A check as a card sees it; `run` is empty if it was made outside the card's channel.

    `of_watch`: the run is deleted after the next check of its watch, unless its result differs from that before.
    """

    verdict: Verdict
    at: datetime
    began: datetime
    causes: tuple[str, ...]
    run: str = ""
    of_watch: bool = False
    tried: TriedStep | None = None
    """The step that it verifies."""


def seen_run(run: Run, report: Report, at: datetime) -> SeenCheck:
    """The check that a run of the card's channel made."""
    causes = _causes_of(report)
    ended = replace(run, ended=at)
    began = min((begun.known for each in causes if (begun := ended.beginning(each)) is not None), default=at)
    return SeenCheck(
        report.verdict,
        at,
        min(began, at),
        distinct_checks([each.check for each in causes]),
        run.id,
        bool(run.order.watch),
        tried_step(run.order.ran, run.order.user, report, at),
    )


def reported_result(card: Card) -> ReportedResult:
    """The result that the thread of a card has reported."""
    # A card of an earlier version has only its own result.
    return card.reported or ReportedResult(card.verdict, card.causes, card.times)


def comparison(before: Card, after: Card) -> dict[str, str]:
    """The fields of a run about its card: whether its result is new, and the run before it."""
    told, now = reported_result(before), reported_result(after)
    fields = {"news": "1" if told != now else "0", "compared": before.latest}
    if now.times > told.times:
        fields["again"] = after.began.isoformat()
    return fields


def seen_elsewhere(check: GatewayCheck) -> SeenCheck:
    """A check that was made by a fleet check, or in another channel."""
    found = {
        Verdict.BROKEN: check.faults,
        Verdict.STARTING: check.pending,
        Verdict.DEGRADED: check.risks,
    }.get(check.verdict, ())
    began = min((each.beginning.known for each in found), default=check.at)
    return SeenCheck(check.verdict, check.at, min(began, check.at), distinct_checks([each.check for each in found]))


def after_check(card: Card, check: SeenCheck) -> Card:
    """The card after a check; an older one, or one recorded before, changes nothing."""
    if check.at < card.at or (check.at == card.at and check.run in ("", card.latest)):
        return card
    after = _after_result(card, check)
    reported = ReportedResult(after.verdict, after.causes, after.times) if check.run else reported_result(card)
    return replace(after, reported=reported)


def _after_result(card: Card, check: SeenCheck) -> Card:
    changed = check.verdict is not card.verdict or card.gone is not None
    differs = changed or check.causes != card.causes
    after = replace(
        card,
        verdict=check.verdict,
        causes=check.causes,
        at=check.at,
        active=check.at if check.run or changed else card.active,
        latest=check.run if check.run and (differs or card.elsewhere or not check.of_watch) else card.latest,
        elsewhere=not check.run and (differs or card.elsewhere),
        gone=None,
        was=check.causes if check.verdict is not Verdict.HEALTHY and check.causes else card.was,
        tried=with_tried(card.tried, check.tried),
    )
    if check.verdict is not Verdict.INCONCLUSIVE:
        after = replace(after, certain=check.verdict, certain_at=check.at)
    if check.verdict not in _OUTAGES:
        ends = check.verdict is Verdict.HEALTHY or card.worst in _OUTAGES
        return replace(after, ended=card.ended or check.at) if ends else after
    if card.ended is not None:
        began = max(check.began, card.ended)
        tried = with_tried((), check.tried)
        after = replace(after, began=began, worst=check.verdict, ended=None, times=card.times + 1, tried=tried)
        return _with_kept_owner(after, card.ended)
    worst = min(card.worst, check.verdict, key=_WORST_FIRST.index)
    return replace(after, worst=worst)


def is_shown_at_once(before: Card, after: Card, *, of_watch: bool) -> bool:
    """Whether a card shows a check at once; those of a watch without change wait."""
    steps = (each.at.timestamp() // UNCHANGED_SECONDS for each in (before, after))
    differs = (before.verdict, before.causes, before.latest) != (after.verdict, after.causes, after.latest)
    return differs or not of_watch or len(set(steps)) > 1


def after_removal(card: Card, at: datetime) -> Card:
    """The card after a check that no longer found the gateway; a late one changes nothing."""
    return replace(card, gone=at, at=at, active=at) if card.gone is None and at >= card.at else card


def after_owner(card: Card, user: str, owner: str, before: str, by: OwnedBy, at: datetime) -> Card:
    """The card after a user has taken or released the ownership."""
    number = card.owners[-1].number + 1 if card.owners else 1
    change = OwnerChange(number, at, user, owner, before, by)
    return replace(card, owners=(*card.owners, change)[-MOST_OWNER_CHANGES:], active=max(card.active, at))


def _with_kept_owner(card: Card, ended: datetime) -> Card:
    """The card of a gateway that fails again: within a day, its owner stays.

    Source: docs/slack.md#card-owner.
    """
    owner = card.owners[-1].owner if card.owners else ""
    if not owner or card.at - ended >= QUIET:
        return card
    return after_owner(card, owner, owner, owner, card.owners[-1].by, card.at)


def _causes_of(report: Report) -> tuple[Finding, ...]:
    """The findings that the verdict is about; they are those that a fleet check keeps, too."""
    match report.verdict:
        case Verdict.BROKEN:
            return roots_of(report)
        case Verdict.STARTING:
            return pending_of(report)
        case Verdict.DEGRADED:
            return tuple(each for each in warnings_of(report) if not each.explained_by)
        case _:
            return ()


def distinct_checks(checks: Sequence[str]) -> tuple[str, ...]:
    """Each check once, in a fixed order."""
    return tuple(sorted(set(checks)))
