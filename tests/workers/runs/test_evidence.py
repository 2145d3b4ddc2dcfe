"""Evidence of runs in Redis: its largest size, and how long it is kept."""

import base64

import pytest
import redis

from workers.queue.connection import quick_connection
from workers.runs.evidence import LARGEST_BUNDLE, EvidenceStore

DAY = 86400


@pytest.fixture
def evidence(redis_url: str) -> EvidenceStore:
    return EvidenceStore(quick_connection(redis_url), "egress-diag:", keep=DAY)


def test_a_bundle_of_eight_megabytes_is_kept(evidence: EvidenceStore) -> None:
    packed = b"\x1f\x8b" * (LARGEST_BUNDLE // 2)
    assert evidence.keep("4f5a6b7c8d9e", packed)
    assert evidence.bundle("4f5a6b7c8d9e") == packed


def test_a_larger_bundle_is_not_kept(evidence: EvidenceStore, caplog: pytest.LogCaptureFixture) -> None:
    assert not evidence.keep("4f5a6b7c8d9e", b"\0" * (LARGEST_BUNDLE + 1))
    assert evidence.bundle("4f5a6b7c8d9e") is None
    assert not evidence.has_bundle("4f5a6b7c8d9e")
    assert caplog.messages == ["the evidence of run 4f5a6b7c8d9e is too large to keep: 8388609 bytes"]


def test_preserving_evidence_never_shortens_its_time(evidence: EvidenceStore, redis_client: redis.Redis) -> None:
    evidence.keep("4f5a6b7c8d9e", b"bundle")
    evidence.preserve("4f5a6b7c8d9e", 60)
    assert redis_client.ttl("egress-diag:evidence:4f5a6b7c8d9e") > 60
    evidence.preserve("4f5a6b7c8d9e", 365 * DAY)
    assert redis_client.ttl("egress-diag:evidence:4f5a6b7c8d9e") > DAY


def test_evidence_that_an_earlier_version_stored_as_base64_is_read(
    evidence: EvidenceStore, redis_client: redis.Redis
) -> None:
    redis_client.set("egress-diag:evidence:4f5a6b7c8d9e", base64.b64encode(b"\x1f\x8b packed"))
    assert evidence.bundle("4f5a6b7c8d9e") == b"\x1f\x8b packed"
