"""The present state of a question, from the records that know parts of it. Pure."""

from datetime import datetime
from typing import NamedTuple

from checks.model.findings import Report, Verdict
from checks.reports.host_words import causes_of_gateway, verdict_of_gateway
from workers.records.card import Card
from workers.records.gateway_state import Fault, GatewayState
from workers.records.present import PresentState
from workers.records.run import Run, Target
from workers.runs.card_changes import distinct_checks, seen_run


class _Known(NamedTuple):
    """A result that a record knows."""

    at: datetime
    verdict: Verdict
    causes: tuple[str, ...]

    def agrees_with(self, other: "_Known") -> bool:
        return (self.verdict, self.causes) == (other.verdict, other.causes)


def present_state(
    target: Target, asked: Run, latest: Run | None, card: Card | None, state: GatewayState | None
) -> PresentState | None:
    """The newest of what the records know about a target; None if no check has a result.

    `asked` is the run of a thread, `card` the card of the target in its channel, `latest` the last run of the card, `state`
    the gateway over time.
    """
    whole = not target.host and not target.client
    runs = [(each.ended, each, each.report) for each in (asked, latest) if each is not None and _answers(each, target)]
    ended = [(at, run, report) for at, run, report in runs if at is not None and report is not None]
    reported = max(ended, key=_time, default=None)
    of_run = _known_of_run(*reported) if reported is not None else None
    of_card = _Known(card.at, card.verdict, card.causes) if card is not None else None
    of_state = _known_of_state(state) if state is not None and whole else None
    known = [each for each in (of_run, of_card, of_state) if each is not None]
    if not known:
        return None
    newest = max(known, key=lambda each: each.at)
    outdated = card is not None and card.elsewhere and reported is not None and reported[0] <= card.at
    agrees = of_run is not None and not outdated and newest.agrees_with(of_run)
    run, report = (reported[1], reported[2] if agrees else None) if reported is not None else (asked, None)
    same = state is not None and of_state is not None and of_state.agrees_with(newest)
    return PresentState(
        run,
        report,
        newest.verdict,
        newest.at,
        newest.causes,
        faults=_faults_of(state) if same and state is not None else (),
        state=state,
        card=card,
        gone=card.gone if card is not None and newest.at <= card.at else None,
        newer_gateway=_newer(report, newest.at, state) if state is not None and not whole else None,
    )


def _answers(run: Run, target: Target) -> bool:
    """Whether a run has the question of the target."""
    asked = run.order.target
    return (asked.host or "", asked.client or "") == (target.host or "", target.client or "")


def _time(found: tuple[datetime, Run, Report]) -> datetime:
    return found[0]


def _known_of_run(ended: datetime, run: Run, report: Report) -> _Known:
    seen = seen_run(run, report, ended)
    return _Known(ended, seen.verdict, seen.causes)


def _known_of_state(state: GatewayState) -> _Known:
    return _Known(state.at, state.verdict, distinct_checks([each.check for each in _faults_of(state)]))


def _faults_of(state: GatewayState) -> tuple[Fault, ...]:
    """The faults that the verdict is about."""
    found = {Verdict.BROKEN: state.faults, Verdict.STARTING: state.pending, Verdict.DEGRADED: state.risks}
    return found.get(state.verdict, ())


def _newer(report: Report | None, at: datetime, state: GatewayState) -> GatewayState | None:
    """The gateway, if a check after that of a host found another verdict for it."""
    if report is None or state.at <= at:
        return None
    gateway = report.verdict if causes_of_gateway(report) else verdict_of_gateway(report)
    if report.verdict in (Verdict.STARTING, Verdict.INCONCLUSIVE):
        gateway = report.verdict
    return state if state.verdict is not gateway else None
