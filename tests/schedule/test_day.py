"""Invariants of the schedule over hours of a fleet with failures."""

from collections.abc import Iterator

import pytest

from tests.redis_server import RedisServer
from tests.schedule.azure_limits import Bucket
from tests.schedule.day import Day, Simulation
from tests.schedule.plan import Plan

HOUR = 3600
PLAN = Plan(
    clusters=120,
    subscriptions=3,
    largest=80,
    hours=4,
    killed=(HOUR + 20, 300),
    beat_stopped=(2 * HOUR - 60, 200),
    digest="02:30",
)
"""Fleet checks at 1, 2 and 3 o'clock, and a digest at half past two.

A worker dies in the first one, and the beat is away when the second is due.
"""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield Simulation(PLAN, server.url).run()
    server.stop()


def test_every_cluster_has_a_result_in_every_fleet_check(day: Day) -> None:
    assert [each.name.startswith("regular") for each in day.fleet_checks] == [True, True, False, True]
    assert [each.missing for each in day.fleet_checks] == [0, 0, 0, 0]
    assert {len(times) for times in day.results.values()} == {4}


def test_a_cluster_is_checked_by_one_worker_at_a_time(day: Day) -> None:
    assert day.at_once == 1


def test_the_queue_is_bounded_and_holds_each_part_once(day: Day) -> None:
    assert day.longest_queue <= 120
    assert day.sent_twice == 0


def test_a_dead_worker_and_a_stopped_beat_delay_and_lose_nothing(day: Day) -> None:
    begins = [each.began for each in day.fleet_checks]
    assert begins[0] == HOUR
    assert 2 * HOUR + 140 <= begins[1] <= 2 * HOUR + 150  # the first round of the beat after its pause
    assert max(day.delays) < 10 * 60
    assert day.worst_gap < HOUR + 10 * 60


def test_clusters_that_do_not_answer_are_results_and_azure_answers_all_others(day: Day) -> None:
    assert day.silent > 0
    assert day.refused_by_azure == 0
    assert day.complete + day.silent == len(day.delays)


def test_throttled_reads_are_repeated_until_they_are_answered(day: Day) -> None:
    throttled = [each.throttled for each in day.subscriptions]
    assert throttled[0] > 0  # 80 clusters of one subscription are more than its bucket holds
    assert sum(each.failed for each in day.subscriptions) == 0


def test_a_bucket_is_refilled_up_to_its_size() -> None:
    bucket = Bucket(2, 0.5)
    assert [bucket.refused(0), bucket.refused(0), bucket.refused(0)] == [0, 0, 2]
    assert bucket.refused(2) == 0
    assert [bucket.refused(100) for _ in range(3)] == [0, 0, 2]
