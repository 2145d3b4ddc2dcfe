"""A digest: when one line suffices, and the mutes that it announces."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checks.model.findings import Verdict
from workers.fleet.cluster_state import ClusterState
from workers.fleet.digest_composition import ENDS_SOON, compose_digest
from workers.fleet.handoff_composition import compose_handoff
from workers.records.digest import Counts, Digest, DigestOrder, DriftedGateway, GatewayLine, Limit, Unchecked
from workers.records.gateway_state import Fault, GatewayState, SweptCluster
from workers.records.handoff import HandoffOrder
from workers.records.mute import Mute

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ORDER = DigestOrder("d", "C0OPS", ("prod",), NOW)
LINE = GatewayLine("prod", "payments/egress", (), NOW)


def mute(cluster: str, left: timedelta) -> Mute:
    until = NOW + left
    return Mute(cluster, "payments/egress", "gateway-pool-missing", "U0ALICE", "the pool is with Azure", NOW, until)


def composed(*mutes: Mute) -> Digest:
    swept = SweptCluster("prod", "s1", NOW)
    return compose_digest(ORDER, [ClusterState("prod", {}, swept=swept)], mutes, NOW)


def test_a_fleet_without_news_is_quiet() -> None:
    assert composed().quiet is True


@pytest.mark.parametrize(
    "news",
    [
        {"unchecked": (Unchecked("prod", "it did not answer in time"),)},
        {"broke": (LINE,)},
        {"fixed": (LINE,)},
        {"still": (LINE,)},
        {"starting": (LINE,)},
        {"warned": (LINE,)},
        {"prefix_changes": (DriftedGateway("prod", "payments/egress", (), NOW),)},
        {"drift": (DriftedGateway("prod", "payments/egress", (), NOW),)},
        {"mutes": (mute("prod", timedelta(0)),)},
        {"order": replace(ORDER, removed_clusters=("old",))},
    ],
    ids=lambda news: next(iter(news)),
)
def test_any_news_is_listed(news: dict[str, Any]) -> None:
    assert replace(composed(), **news).quiet is False


def test_a_mute_is_announced_before_it_ends_in_digests_of_its_cluster() -> None:
    soon, later = mute("prod", ENDS_SOON), mute("prod", ENDS_SOON + timedelta(microseconds=1))
    assert composed(soon, later, mute("staging", ENDS_SOON)).mutes == (soon,)


HEALTHY = GatewayState("prod", "payments/egress", "s1", NOW, Verdict.HEALTHY, broken=False, since=NOW)
SWEPT = SweptCluster("prod", "s1", NOW)


@pytest.mark.parametrize(
    ("state", "swept", "healthy"),
    [
        (HEALTHY, SWEPT, 1),
        (replace(HEALTHY, at=NOW - timedelta(microseconds=1)), SWEPT, 0),
        (replace(HEALTHY, inconclusive_since=NOW), SWEPT, 0),
        (HEALTHY, replace(SWEPT, problem="the API server refused the connection"), 0),
        (HEALTHY, None, 0),
    ],
    ids=["checked", "not found by this check", "inconclusive", "cluster not checked", "no answer in time"],
)
def test_only_what_this_fleet_check_found_counts_as_healthy(
    state: GatewayState, swept: SweptCluster | None, healthy: int
) -> None:
    found = compose_digest(ORDER, [ClusterState("prod", {state.gateway: state}, swept=swept)], (), NOW)
    assert found.counts == Counts(clusters=1, gateways=1, healthy=healthy, unknown=1 - healthy)


def test_a_gateway_that_starts_is_neither_healthy_nor_broken() -> None:
    """docs/rulings.md#ruling-23."""
    waits = Fault("egress-prefix-unassigned", "EG405", "", "StaticGatewayConfiguration a/b", "It waits.", "i1", NOW)
    state = replace(
        HEALTHY, broken=True, faults=(waits,), starting_since=NOW, pending=(waits,), verdict=Verdict.STARTING
    )
    found = compose_digest(ORDER, [ClusterState("prod", {state.gateway: state}, swept=SWEPT)], (), NOW)
    assert found.counts == Counts(clusters=1, gateways=1, starting=1)
    assert [each.gateway for each in found.starting] == ["payments/egress"]
    assert (found.still, found.broke) == ((), ())


def test_a_warning_that_a_limit_is_near_is_listed_once_for_all_its_gateways() -> None:
    near = Fault("gateway-pool-unhealthy", "EG408", "", "AgentPool gwpool", "1 ready node", "i1", NOW)
    other = replace(near, check="access-log-off", code="EG520", identity="i2")
    first = replace(HEALTHY, risks=(near, other))
    second = replace(first, gateway="batch/egress-batch")
    states = {each.gateway: each for each in (first, second)}
    found = compose_digest(ORDER, [ClusterState("prod", states, swept=SWEPT)], (), NOW)
    assert found.limits == (Limit("prod", near, ("payments/egress", "batch/egress-batch")),)


ELSEWHERE = Fault("egress-nat-in-path", "EG206", "", "egw", "Destinations see the firewall's address.", "i3", NOW)
STARTING = replace(HEALTHY, gateway="batch/egress", starting_since=NOW, pending=(ELSEWHERE,), verdict=Verdict.STARTING)


def test_a_warning_that_is_no_limit_is_listed_by_gateway_when_it_is_new() -> None:
    old = replace(ELSEWHERE, since=NOW - timedelta(days=3))
    states = {each.gateway: each for each in (replace(HEALTHY, risks=(ELSEWHERE,)), STARTING)}
    before = {HEALTHY.gateway: replace(HEALTHY, risks=(old,))}
    found = compose_digest(ORDER, [ClusterState("prod", states, swept=SWEPT)], (), NOW)
    assert [(each.gateway, each.faults) for each in found.warned] == [("payments/egress", (ELSEWHERE,))]
    again = compose_digest(ORDER, [ClusterState("prod", before, swept=SWEPT)], (), NOW)
    assert again.warned == ()
    weekly = compose_digest(replace(ORDER, weekly=True), [ClusterState("prod", before, swept=SWEPT)], (), NOW)
    assert [each.faults for each in weekly.warned] == [(old,)]


def test_a_handoff_has_warnings_and_starting_gateways() -> None:
    """A gateway whose destinations see the firewall's address was missing."""
    order = HandoffOrder("h1", "C0OPS", "U0ALICE", NOW, timedelta(hours=8), ("prod",))
    states = {each.gateway: each for each in (replace(HEALTHY, risks=(ELSEWHERE,)), STARTING)}
    known = [ClusterState("prod", states, swept=SWEPT)]
    shift = compose_handoff(order, known, (), (), (SWEPT,), {"prod payments/egress": "r1", "prod batch/egress": "r2"})
    assert [each.gateway for each in shift.warned] == ["payments/egress"]
    assert [each.gateway for each in shift.owned] == ["batch/egress"]
    assert not shift.quiet
    assert shift.links == {"prod payments/egress": "r1", "prod batch/egress": "r2"}
    muted = Mute("prod", "payments/egress", ELSEWHERE.check, "U0ALICE", "known", NOW, NOW + timedelta(days=1))
    assert compose_handoff(order, known, (muted,), (), (SWEPT,), {}).warned == ()
