"""Announcements of processes expire, and a process that died leaves nothing."""

from datetime import UTC, datetime, timedelta

import pytest
import redis

from workers.queue.presence import Presence, Process

AT = datetime(2026, 11, 23, 3, 4, 5, tzinfo=UTC)
DIED = Process("worker@a", "0.2.0", ("diagnose",), AT)


@pytest.fixture
def presence(redis_url: str) -> Presence:
    return Presence(redis.Redis.from_url(redis_url, decode_responses=True), "egress-diag:")


def test_a_process_that_died_counts_as_present_for_a_minute(presence: Presence) -> None:
    presence.announce(DIED)
    assert presence.present(AT + timedelta(seconds=60)) == (DIED,)
    assert presence.present(AT + timedelta(seconds=60, microseconds=1)) == ()


def test_a_process_that_died_an_hour_ago_leaves_nothing(presence: Presence, redis_client: redis.Redis) -> None:
    """A Deployment gives each pod a new name.

    Without this, the hash would grow with every rollout.
    """
    presence.announce(DIED)
    presence.announce(Process("worker@b", "0.2.0", ("diagnose",), AT + timedelta(hours=1)))
    assert sorted(redis_client.hkeys("egress-diag:presence")) == [b"worker@a", b"worker@b"]
    presence.announce(Process("worker@b", "0.2.0", ("diagnose",), AT + timedelta(hours=1, microseconds=1)))
    assert redis_client.hkeys("egress-diag:presence") == [b"worker@b"]


def test_a_process_that_stopped_is_no_longer_present(presence: Presence) -> None:
    presence.announce(DIED)
    presence.leave("worker@a")
    assert presence.present(AT) == ()
