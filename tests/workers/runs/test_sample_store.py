"""Samples of pods' counters in Redis: shared by workers, and bounded."""

from datetime import UTC, datetime

import pytest
import redis

from checks.facts.fact import PodName
from checks.sources.counter_series import Sample
from workers.queue.connection import quick_connection
from workers.runs.packed import pack
from workers.runs.sample_store import RedisSamples

POD = PodName("team-egress", "egw-asm-1-30-abc")
OTHER = PodName("team-egress", "egw-asm-1-30-def")
KEY = "egress-diag:samples/weu/team-egress/egw-asm-1-30-abc"
AT = datetime(2026, 11, 23, 10, 0, 0, 125000, tzinfo=UTC)
SAMPLE: Sample = {("istio_requests_total", (("destination_service", "a.example"), ("response_code", "200"))): 41.0}


@pytest.fixture
def samples(redis_url: str) -> RedisSamples:
    return RedisSamples(quick_connection(redis_url), "egress-diag:", "weu")


def test_another_worker_reads_what_one_kept(samples: RedisSamples, redis_url: str) -> None:
    samples.keep({POD: ((AT, SAMPLE),)})
    other = RedisSamples(quick_connection(redis_url), "egress-diag:", "weu")
    assert other.load([POD, OTHER]) == {POD: ((AT, SAMPLE),)}
    assert RedisSamples(quick_connection(redis_url), "egress-diag:", "neu").load([POD]) == {}
    assert samples.load([]) == {}


def test_they_expire_after_a_quarter_of_an_hour(samples: RedisSamples, redis_client: redis.Redis) -> None:
    samples.keep({POD: ((AT, SAMPLE),)})
    assert 890 <= redis_client.ttl(KEY) <= 900


def test_samples_of_a_very_busy_pod_are_not_kept(samples: RedisSamples) -> None:
    many: Sample = {
        ("m", (("host", f"{number * 7919 % 100_003}.{number}.example"),)): number * 1.7 for number in range(9000)
    }
    samples.keep({POD: ((AT, many),), OTHER: ((AT, SAMPLE),)})
    assert list(samples.load([POD, OTHER])) == [OTHER]


@pytest.mark.parametrize(
    "stored",
    [b"", b"x", b"\x78broken", pack(b"{}x"), pack(b'[["yesterday", []]]'), pack(b"[1]"), pack(b'[["2026", [[1]]]]')],
)
def test_samples_that_cannot_be_read_are_left_out(
    stored: bytes, samples: RedisSamples, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    redis_client.set(KEY, stored)
    samples.keep({OTHER: ((AT, SAMPLE),)})
    assert list(samples.load([POD, OTHER])) == [OTHER]
    assert "earlier samples of pod team-egress/egw-asm-1-30-abc cannot be read" in caplog.text


def test_without_redis_a_check_goes_on() -> None:
    gone = RedisSamples(quick_connection("redis://127.0.0.1:1/0"), "egress-diag:", "weu")
    gone.keep({POD: ((AT, SAMPLE),)})
    assert gone.load([POD]) == {}
