"""Each window of a schedule in Redis gives one digest, despite crashes and wrong clocks.

The number of schedulers does not matter either.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from checks.config.configuration import ClusterConfig, Config, DigestConfig
from checks.model.findings import Verdict
from checks.model.recurrence import BadRecurrence, recurrence
from tests.workers.fleet.fleet_world import Truth, seen
from workers.fleet.ledger import Ledger
from workers.fleet.schedules import Due, Schedules
from workers.queue.connection import Unavailable, retrying_connection
from workers.records.mute import Mute
from workers.records.schedule import Schedule, selected_clusters

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAILY = Schedule("s1", "C0OPS", ("prod-*",), recurrence("09:00"), user="U0BOB")


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with retrying_connection(redis_url) as connection:
        yield connection


@pytest.fixture
def schedules(redis: Redis) -> Schedules:
    found = Schedules(redis, "t:")
    found.add(DAILY, Config(), NINE - timedelta(days=2))
    return found


class Records:
    """The digests that were begun, as the store keeps them: one for each window."""

    def __init__(self) -> None:
        self.begun: list[Due] = []

    def __call__(self, due: Due) -> bool:
        if due.window in [each.window for each in self.begun]:
            return False
        self.begun.append(due)
        return True

    @property
    def windows(self) -> list[str]:
        return [each.window for each in self.begun]


def test_a_new_schedule_has_missed_no_window(schedules: Schedules) -> None:
    records = Records()
    other = Schedule("s2", "C0PAY", ("*",), recurrence("08:00"), user="U0BOB")
    schedules.add(other, Config(), NINE)
    schedules.begin_due([other], NINE + timedelta(minutes=1), records)
    assert records.windows == []


def test_a_crash_between_record_and_note_leaves_one_digest(schedules: Schedules) -> None:
    records = Records()

    def dies(due: Due) -> bool:
        records(due)
        raise Unavailable("killed")

    with pytest.raises(Unavailable):
        schedules.begin_due([DAILY], NINE, dies)
    schedules.begin_due([DAILY], NINE + timedelta(seconds=5), records)
    schedules.begin_due([DAILY], NINE + timedelta(seconds=10), records)
    assert records.windows == ["2026-11-24T09:00"]


def test_after_an_outage_the_latest_digest_is_sent_once_and_marked_late(schedules: Schedules) -> None:
    records = Records()
    schedules.begin_due([DAILY], NINE - timedelta(days=1), records)
    for hours in (75, 76, 77):
        schedules.begin_due([DAILY], NINE + timedelta(hours=hours), records)
    assert records.windows == ["2026-11-23T09:00", "2026-11-27T09:00"]
    assert [each.late for each in records.begun] == [False, True]


def test_a_clock_that_jumps_ahead_and_back_does_not_silence_a_schedule(schedules: Schedules) -> None:
    records = Records()
    schedules.begin_due([DAILY], NINE, records)
    schedules.begin_due([DAILY], NINE + timedelta(days=400, hours=1), records)
    for days in (0, 1, 2):
        schedules.begin_due([DAILY], NINE + timedelta(days=days, minutes=1), records)
    assert records.windows[0] == "2026-11-24T09:00"
    assert records.windows[2:] == ["2026-11-25T09:00", "2026-11-26T09:00"]


def test_a_suspended_schedule_gives_no_digest_and_a_removed_one_does_not_exist(schedules: Schedules) -> None:
    records = Records()
    schedules.stop("s1", "its channel is gone")
    (stopped,) = schedules.all(Config())
    assert stopped.stopped == "its channel is gone"
    schedules.begin_due([stopped], NINE, records)
    assert records.begun == []
    assert schedules.remove("s1")
    assert not schedules.remove("s1")
    assert schedules.all(Config()) == ()


def test_schedules_are_listed_in_the_same_order_whoever_added_them_first(schedules: Schedules) -> None:
    """The configured ones first, as in the file, then those that users added."""
    for name, channel in (("s9", "C0PAY"), ("s0", "C0LEAD")):
        schedules.add(replace(DAILY, id=name, channel=channel), Config(), NINE)
    clusters = (ClusterConfig(name="prod", subscription_id="s", resource_group="g"),)
    digests = (DigestConfig(channel="C0ZZZ", time="09:00"), DigestConfig(channel="C0AAA", time="09:00"))
    config = Config(clusters=clusters, digests=digests)
    assert [each.channel for each in schedules.all(config)] == ["C0ZZZ", "C0AAA", "C0LEAD", "C0OPS", "C0PAY"]


def test_a_second_digest_at_the_same_time_is_refused_in_any_zone(schedules: Schedules) -> None:
    same = Schedule("s3", "C0OPS", ("*",), recurrence("10:00", "tue", "Europe/Berlin"), user="U0BOB")
    with pytest.raises(BadRecurrence, match="already has a digest at that time"):
        schedules.add(same, Config(), NINE)
    schedules.add(Schedule("s4", "C0PAY", ("*",), same.recurrence, user="U0BOB"), Config(), NINE)


def test_patterns_follow_the_configuration() -> None:
    found = selected_clusters(("prod-*", "old"), ["prod-a", "dev", "prod-b"])
    assert found == (("prod-a", "prod-b"), ("old",))


def test_a_state_from_a_clock_that_was_ahead_does_not_hide_a_new_check(redis: Redis) -> None:
    ledger = Ledger(redis, "t:", 86400 * 30)
    ahead = NINE + timedelta(days=300)
    ledger.record("prod", [seen(Truth(), "prod", "a/b", "jumped", ahead)], ahead)
    events = ledger.record("prod", [seen(Truth(Verdict.BROKEN), "prod", "a/b", "now", NINE)], NINE)
    assert [each.kind for each in events] == ["broke"]
    assert ledger.states("prod")["a/b"].broken


def test_mutes_expire(redis: Redis) -> None:
    ledger = Ledger(redis, "t:", 86400)
    ledger.mute(Mute("prod", "a/b", "c", "U0BOB", "why", NINE, NINE + timedelta(hours=1)))
    assert len(ledger.mutes(NINE)) == 1
    assert ledger.mutes(NINE + timedelta(hours=1)) == ()
    assert not ledger.unmute("prod", "a/b", "c")
