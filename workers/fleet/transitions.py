"""The next state of a gateway and its transitions, from its state and a new check. Pure."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from checks.engine.settings_snapshot import PREFIX_FIELD
from checks.model.findings import Finding, Report, Severity, Status, Verdict
from checks.reports.wording import pending_of, roots_of, warnings_of
from workers.records.beginnings import FirstSeen
from workers.records.card import QUIET
from workers.records.gateway_state import (
    Drift,
    Fault,
    GatewayCheck,
    GatewaySetting,
    GatewayState,
    Transition,
    TransitionKind,
    Written,
    drifted,
    last_writer,
)
from workers.records.run import Run

# Parts of evidence that change on their own between two checks: times, ages, counts of restarts and repetitions.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")
_SPAN = re.compile(r"\b\d+(?:\.\d+)?\s?(?:ms|s|m|h|d|seconds?|minutes?|hours?|days?)\b")
_COUNT = re.compile(r"\b(?:x\d+|\d+ (?:times|restarts?))\b")
_LONGEST_SUMMARY = 300


def gateway_check(report: Report, by: str, at: datetime) -> GatewayCheck:
    """The part of a report that the ledger keeps. `at` is the time of the check."""
    settings = report.settings
    missing, step = _missing(report)
    return GatewayCheck(
        by=by,
        cluster=report.cluster,
        gateway=f"{report.namespace}/{report.gateway}",
        at=at,
        verdict=report.verdict,
        faults=tuple(_fault(f, at) for f in roots_of(report)),
        risks=tuple(_fault(f, at) for f in warnings_of(report) if not f.explained_by),
        settings=tuple(GatewaySetting(e.resource, e.field, e.observed) for e in settings),
        prefix=next((e.observed for e in settings if e.field == PREFIX_FIELD), ""),
        written=tuple(Written(c.resource, c.at, c.who) for c in report.changes if c.who),
        missing=missing,
        missing_step=step,
        pending=tuple(_fault(f, at) for f in pending_of(report)),
    )


def _missing(report: Report) -> tuple[str, str]:
    """The first reason why a serious check was not made, and the title of its next step.

    Without one, the first failed read.
    """
    serious = {f.check for f in report.of(Status.UNKNOWN) if f.severity is not Severity.RISKS}
    for each in report.not_checked:
        if serious & set(each.checks):
            return each.reason, each.actions[0].title if each.actions else ""
    return next(iter(report.gaps), ""), ""


def fault_identity(finding: Finding) -> str:
    """A hash of code, subject and evidence, without the parts that change on their own."""
    parts = [
        finding.code,
        finding.subject,
        *(f"{e.resource}\n{e.field}\n{_without_times(e.observed)}" for e in finding.evidence),
    ]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]


def _without_times(observed: str) -> str:
    return _COUNT.sub("#", _SPAN.sub("#", _MOMENT.sub("#", observed)))


def _fault(finding: Finding, at: datetime) -> Fault:
    summary = (
        finding.summary if len(finding.summary) <= _LONGEST_SUMMARY else finding.summary[: _LONGEST_SUMMARY - 1] + "…"
    )
    identity = fault_identity(finding)
    return Fault(
        finding.check, finding.code, finding.title, finding.subject, summary, identity, at, shown_since=finding.since
    )


def first_seen(report: Report, state: GatewayState | None, earlier: Run | None) -> tuple[FirstSeen, ...]:
    """The known faults of a report: from the gateway's state or the run that it repeats."""
    known = {(each.check, each.subject): each.at for each in earlier.first_seen} if earlier is not None else {}
    if earlier is not None and earlier.report is not None and earlier.ended is not None:
        for finding in _faults(earlier.report):
            known.setdefault((finding.check, finding.subject), earlier.ended)
    if state is not None:
        for fault in (*state.risks, *state.pending, *state.faults):
            known[fault.place] = min(fault.since, known.get(fault.place, fault.since))
    found = dict.fromkeys((each.check, each.subject) for each in _faults(report))
    return tuple(FirstSeen(*place, known[place]) for place in found if place in known)


def _faults(report: Report) -> tuple[Finding, ...]:
    return (*report.of(Status.FAIL), *report.of(Status.WARN))


def advance(state: GatewayState | None, check: GatewayCheck) -> tuple[GatewayState, tuple[Transition, ...]]:
    """The state after a check, and the transitions.

    A repeated check and one older than the state change nothing.
    """
    if state is None:
        return _first(check)
    if check.by == state.by or check.at < state.at:
        return state, ()
    events = [*_verdict_transitions(state, check), *_setting_transitions(state, check)]
    return _next(state, check), tuple(events)


def _first(check: GatewayCheck) -> tuple[GatewayState, tuple[Transition, ...]]:
    broken = check.verdict is Verdict.BROKEN
    inconclusive_since = check.at if check.verdict is Verdict.INCONCLUSIVE else None
    starting_since = check.at if check.verdict is Verdict.STARTING else None
    healthy_at = None if broken or inconclusive_since or starting_since else check.at
    state = GatewayState(
        check.cluster,
        check.gateway,
        check.by,
        check.at,
        check.verdict,
        broken,
        check.at,
        inconclusive_since,
        check.faults,
        check.risks,
        check.settings,
        check.prefix,
        check.missing,
        healthy_at,
        check.settings if healthy_at else (),
        check.written,
        check.at,
        starting_since,
        check.pending,
        None if healthy_at else check.at,
        missing_step=check.missing_step,
    )
    events = [_event(TransitionKind.APPEARED, check)]
    if broken:
        events.append(_event(TransitionKind.BROKE, check, faults=check.faults))
    if inconclusive_since:
        events.append(_event(TransitionKind.INCONCLUSIVE, check))
    return state, tuple(events)


def _next(state: GatewayState, check: GatewayCheck) -> GatewayState:
    settings = check.settings if not check.missing else _merged(state.settings, check.settings)
    after = replace(
        state,
        by=check.by,
        at=check.at,
        verdict=check.verdict,
        risks=_with_first_seen(state.risks, check.risks),
        settings=settings,
        prefix=check.prefix or state.prefix,
        missing=check.missing,
        missing_step=check.missing_step,
        written=check.written,
    )
    after = _with_incident(after, state, check)
    match check.verdict:
        case Verdict.INCONCLUSIVE:
            return replace(after, inconclusive_since=state.inconclusive_since or check.at)
        case Verdict.STARTING:
            # The outage ends when the gateway serves.
            return replace(
                after,
                inconclusive_since=None,
                starting_since=state.starting_since or check.at,
                pending=_with_first_seen(state.pending, check.pending),
            )
        case Verdict.BROKEN:
            since = state.since if state.broken else check.at
            return replace(
                after,
                broken=True,
                since=since,
                inconclusive_since=None,
                faults=_with_first_seen(state.faults, check.faults),
                starting_since=None,
                pending=(),
            )
        case Verdict.HEALTHY | Verdict.DEGRADED:
            since = check.at if state.broken else state.since
            return replace(
                after,
                broken=False,
                since=since,
                inconclusive_since=None,
                faults=(),
                healthy_at=check.at,
                healthy_settings=settings,
                starting_since=None,
                pending=(),
            )


def _with_incident(after: GatewayState, state: GatewayState, check: GatewayCheck) -> GatewayState:
    """Set the incident; one that begins within a day of the last one continues it."""
    if check.verdict in (Verdict.HEALTHY, Verdict.DEGRADED):
        began = state.owned_since
        return replace(
            after, incident_since=began, incident_ended=(state.incident_ended or check.at) if began else None
        )
    ended = state.incident_ended
    continues = state.owned_since is not None and (ended is None or check.at - ended < QUIET)
    return replace(after, incident_since=state.owned_since if continues else check.at, incident_ended=None)


def _verdict_transitions(state: GatewayState, check: GatewayCheck) -> Iterable[Transition]:
    faults = _with_first_seen(state.faults, check.faults)
    uncertain = state.inconclusive_since is not None
    match check.verdict:
        case Verdict.INCONCLUSIVE:
            events = () if uncertain else (_event(TransitionKind.INCONCLUSIVE, check),)
        case Verdict.BROKEN if not state.broken:
            events = (_event(TransitionKind.BROKE, check, faults=faults),)
        case Verdict.HEALTHY | Verdict.DEGRADED if state.broken:
            outage_seconds = (check.at - state.since).total_seconds()
            events = (replace(_event(TransitionKind.FIXED, check, faults=state.faults), outage_seconds=outage_seconds),)
        case _:
            events = (_event(TransitionKind.CONCLUSIVE, check),) if uncertain else ()
            if check.verdict is Verdict.BROKEN and {f.identity for f in state.faults} != {f.identity for f in faults}:
                events = (_event(TransitionKind.OTHER_FAULTS, check, faults=faults), *events)
    return events


def _setting_transitions(state: GatewayState, check: GatewayCheck) -> Iterable[Transition]:
    if check.prefix and state.prefix and check.prefix != state.prefix:
        where = next((s.resource for s in check.settings if s.field == PREFIX_FIELD), check.gateway)
        who = last_writer(where, check.written)
        moved = Drift(where, PREFIX_FIELD, state.prefix, check.prefix, who.who if who else "", who.at if who else None)
        yield _event(TransitionKind.PREFIX, check, drift=(moved,))
    rest = tuple(each for each in drifted(state.settings, check.settings, check.written) if each.field != PREFIX_FIELD)
    if rest:
        yield _event(TransitionKind.DRIFT, check, drift=rest)


def vanished(state: GatewayState, by: str, at: datetime) -> Transition:
    """The transition of a gateway that is no longer in the cluster's mesh profile."""
    outage_seconds = (at - state.since).total_seconds() if state.broken else 0.0
    return Transition(TransitionKind.VANISHED, state.cluster, state.gateway, at, by, state.faults, (), outage_seconds)


def _event(
    kind: TransitionKind, check: GatewayCheck, *, faults: tuple[Fault, ...] = (), drift: tuple[Drift, ...] = ()
) -> Transition:
    return Transition(kind, check.cluster, check.gateway, check.at, check.by, faults, drift)


def _with_first_seen(before: Sequence[Fault], now: Sequence[Fault]) -> tuple[Fault, ...]:
    """The current faults, each with the time since which it has been present."""
    known = {fault.place: fault.since for fault in before}
    return tuple(replace(fault, since=known.get(fault.place, fault.since)) for fault in now)


def _merged(before: Sequence[GatewaySetting], now: Sequence[GatewaySetting]) -> tuple[GatewaySetting, ...]:
    """The new settings over the old ones: what could not be read keeps its last known value."""
    by_key = {(s.resource, s.field): s for s in (*before, *now)}
    return tuple(by_key[key] for key in sorted(by_key))
