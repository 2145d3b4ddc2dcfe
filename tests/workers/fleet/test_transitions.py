"""Transitions between two checks of a gateway: real ones, and differences that are none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from checks.model.findings import Evidence, Finding, Severity, Stage, Status, Verdict
from tests.bot import stories
from tests.checks.sources.test_sweep import in_memory
from tests.clusters.compose import named
from workers.fleet.transitions import advance, fault_identity, first_seen, gateway_check
from workers.records.beginnings import Beginning, FirstSeen
from workers.records.gateway_state import (
    Fault,
    GatewayCheck,
    GatewaySetting,
    GatewayState,
    TransitionKind,
    Written,
)
from workers.records.run import Run

T0 = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
PREFIX = "20.50.60.0/30"


def fault(check: str = "gateway-pool-missing", observed: str = "gwpol", at: datetime = T0) -> Fault:
    return Fault(check, "EG407", "The pool is missing", "pool gwpol", "It is missing.", f"{check}/{observed}", at)


def checked(hours: float, verdict: Verdict, *faults: Fault, **changes: object) -> GatewayCheck:
    at = T0 + timedelta(hours=hours)
    seen = GatewayCheck(
        by=f"sweep-{hours}",
        cluster="prod",
        gateway="team/egw",
        at=at,
        verdict=verdict,
        faults=tuple(replace(each, since=at) for each in faults),
        settings=(GatewaySetting("StaticGatewayConfiguration team/sgc", "status.egressIpPrefix", PREFIX),),
        prefix=PREFIX,
    )
    return replace(seen, **changes)  # type: ignore[arg-type]


def played(*checks: GatewayCheck) -> tuple[GatewayState, list[tuple[TransitionKind, float]]]:
    state: GatewayState | None = None
    events_seen = []
    for each in checks:
        state, events = advance(state, each)
        events_seen += [(event.kind, (event.at - T0) / timedelta(hours=1)) for event in events]
    assert state is not None
    return state, events_seen


BROKEN, HEALTHY, LOST, STARTING = Verdict.BROKEN, Verdict.HEALTHY, Verdict.INCONCLUSIVE, Verdict.STARTING


def test_an_outage_begins_once_and_ends_once() -> None:
    checks = [checked(0, HEALTHY), checked(1, BROKEN, fault()), checked(2, BROKEN, fault()), checked(3, HEALTHY)]
    state, events_seen = played(*checks)
    assert events_seen == [(TransitionKind.APPEARED, 0), (TransitionKind.BROKE, 1), (TransitionKind.FIXED, 3)]
    assert state.since == T0 + timedelta(hours=3)


def test_a_gateway_that_starts_neither_ends_nor_begins_an_outage() -> None:
    """docs/rulings.md#ruling-23."""
    waits = fault("egress-prefix-unassigned")
    begun = checked(2, STARTING, pending=(waits,))
    state, events_seen = played(checked(0, HEALTHY), checked(1, BROKEN, fault()), begun, checked(3, STARTING))
    assert events_seen[1:] == [(TransitionKind.BROKE, 1)]
    assert (state.broken, state.starting_since) == (True, T0 + timedelta(hours=2))
    assert state.healthy_at == T0
    state, events_seen = played(checked(0, HEALTHY), checked(1, BROKEN, fault()), begun, checked(4, HEALTHY))
    assert events_seen[2:] == [(TransitionKind.FIXED, 4)]
    assert (state.starting_since, state.pending, state.healthy_at) == (None, (), T0 + timedelta(hours=4))


def test_a_new_gateway_that_starts_was_never_healthy() -> None:
    state, _ = played(checked(0, STARTING, pending=(fault("egress-prefix-unassigned"),)))
    assert (state.broken, state.healthy_at, state.starting_since) == (False, None, T0)
    assert [each.check for each in state.pending] == ["egress-prefix-unassigned"]
    lost, _ = advance(state, checked(1, LOST))
    assert lost.starting_since == T0


def test_an_inconclusive_check_neither_ends_nor_begins_an_outage() -> None:
    state, events_seen = played(checked(0, HEALTHY), checked(1, BROKEN, fault()), checked(2, LOST), checked(3, LOST))
    assert events_seen[1:] == [(TransitionKind.BROKE, 1), (TransitionKind.INCONCLUSIVE, 2)]
    assert state.broken
    assert state.since == T0 + timedelta(hours=1)
    assert state.inconclusive_since == T0 + timedelta(hours=2)
    _, events_seen = played(
        checked(0, HEALTHY),
        checked(1, BROKEN, fault()),
        checked(2, LOST),
        checked(3, BROKEN, fault()),
        checked(5, HEALTHY),
    )
    assert events_seen[2:] == [
        (TransitionKind.INCONCLUSIVE, 2),
        (TransitionKind.CONCLUSIVE, 3),
        (TransitionKind.FIXED, 5),
    ]


def test_a_lasting_fault_keeps_its_start_when_another_is_added() -> None:
    other = fault("istiod-unhealthy")
    state, events_seen = played(checked(0, BROKEN, fault()), checked(1, BROKEN, fault(), other))
    assert events_seen[2:] == [(TransitionKind.OTHER_FAULTS, 1)]
    assert [each.since for each in state.faults] == [T0, T0 + timedelta(hours=1)]


def test_a_repeated_check_and_a_late_check_change_nothing() -> None:
    first, second = checked(0, HEALTHY), checked(1, BROKEN, fault())
    state, events_seen = played(first, second, second, replace(first, by="late"))
    assert events_seen == [(TransitionKind.APPEARED, 0), (TransitionKind.BROKE, 1)]
    assert state.broken


def test_another_prefix_is_a_transition_also_after_a_time_without_one() -> None:
    none, other = checked(1, BROKEN, fault(), settings=(), prefix=""), checked(2, HEALTHY, prefix="20.50.61.0/30")
    state, events_seen = played(checked(0, HEALTHY), none, other)
    assert (TransitionKind.PREFIX, 2) in events_seen
    assert state.prefix == "20.50.61.0/30"
    _, events = advance(played(checked(0, HEALTHY), none)[0], other)
    (moved,) = next(each.drift for each in events if each.kind is TransitionKind.PREFIX)
    assert (moved.before, moved.after) == (PREFIX, "20.50.61.0/30")


def test_the_last_healthy_settings_are_kept_during_an_outage() -> None:
    key = ("StaticGatewayConfiguration team/sgc", "spec.gatewayNodepoolName")
    written = (Written(key[0], T0 + timedelta(minutes=50), "kubectl-edit"),)
    healthy = checked(0, HEALTHY, settings=(GatewaySetting(*key, "gwpool"),))
    wrong = checked(1, BROKEN, fault(), settings=(GatewaySetting(*key, "gwpol"),), written=written)
    state, events_seen = played(healthy, wrong, replace(wrong, by="again", at=T0 + timedelta(hours=2)))
    assert (TransitionKind.DRIFT, 1) in events_seen
    (drift,) = state.changed_since_healthy
    assert (drift.field, drift.before, drift.after, drift.who) == (key[1], "gwpool", "gwpol", "kubectl-edit")


def test_a_setting_that_could_not_be_read_has_not_changed() -> None:
    state, events_seen = played(
        checked(0, HEALTHY), checked(1, LOST, settings=(), prefix="", missing="forbidden"), checked(2, HEALTHY)
    )
    assert [kind for kind, _ in events_seen] == [
        TransitionKind.APPEARED,
        TransitionKind.INCONCLUSIVE,
        TransitionKind.CONCLUSIVE,
    ]
    assert state.settings


def finding(observed: str, summary: str = "It fails.") -> Finding:
    evidence = (Evidence("pod a/b", "restarts", observed),)
    return Finding(
        "proxy-not-ready", "EG502", Stage.ISTIO, Severity.BLOCKS, (), "t", Status.FAIL, summary, "pod a/b", evidence
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12 restarts", "13 restarts"),
        ("waiting for 3m", "waiting for 4m"),
        ("2026-11-23T10:00:00Z error warming", "2026-11-23T11:07:12.123Z error warming"),
    ],
)
def test_other_times_and_wording_do_not_make_a_new_fault(one: str, other: str) -> None:
    assert fault_identity(finding(one)) == fault_identity(finding(other, "Said otherwise."))


def test_other_facts_make_a_new_fault() -> None:
    assert fault_identity(finding("pool gwpol")) != fault_identity(finding("pool gwpoool"))


def test_a_report_gives_its_settings_and_its_prefix() -> None:
    (report,) = in_memory(named("base")).reports
    seen = gateway_check(report, "x", T0)
    assert seen.prefix == PREFIX
    assert (
        GatewaySetting("StaticGatewayConfiguration team-egress/sgc", "spec.gatewayNodepoolName", "gwpool")
        in seen.settings
    )


def test_a_fault_was_first_seen_by_the_gateways_state_or_by_the_repeated_run() -> None:
    begun = T0 - timedelta(hours=2)
    report = stories.BROKEN
    state = GatewayState("prod", "team/egw", "a", T0, BROKEN, broken=True, since=begun)
    known = replace(
        fault(check=stories.POOL.check),
        subject=stories.POOL.subject,
        since=begun,
        shown_since=begun - timedelta(days=1),
    )
    place = (stories.POOL.check, stories.POOL.subject)

    def seen(state: GatewayState | None, earlier: Run | None) -> dict[tuple[str, str], datetime]:
        return {(each.check, each.subject): each.at for each in first_seen(report, state, earlier)}

    assert seen(None, None) == {}
    assert seen(replace(state, faults=(known,)), None) == {place: begun}
    assert seen(replace(state, pending=(known,)), None) == {place: begun}
    assert seen(replace(state, faults=(replace(known, subject="another pool"),)), None) == {}
    earlier = replace(stories.done(report), ended=T0)
    assert seen(None, earlier)[place] == T0
    older = replace(earlier, first_seen=(FirstSeen(*place, begun - timedelta(hours=1)),))
    assert seen(replace(state, faults=(known,)), older)[place] == begun - timedelta(hours=1)


def test_the_ledger_keeps_what_the_cluster_shows_and_what_the_bot_saw() -> None:
    shown = T0 - timedelta(hours=7)
    dated = tuple(
        replace(each, since=shown) if each.check == stories.POOL.check else each for each in stories.BROKEN.findings
    )
    first = gateway_check(replace(stories.BROKEN, findings=dated), "a", T0)
    second = gateway_check(replace(stories.BROKEN, findings=dated), "b", T0 + timedelta(hours=1))
    state, _ = advance(advance(None, first)[0], second)
    assert [each.beginning for each in state.faults] == [Beginning(T0, shown)]
