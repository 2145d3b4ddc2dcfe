"""Samples of pods' counters in Redis, so that each worker has those of the others.

They expire after 15 minutes. Without them, or if Redis does not answer, a check takes two samples.
"""

import logging
import zlib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from redis import Redis

from checks.facts.fact import PodName
from checks.sources.pod_samples import KEPT, MOST_PODS, Samples
from workers.queue.connection import Unavailable
from workers.runs.packed import pack, unpack

log = logging.getLogger(__name__)

LARGEST_SAMPLES = 64 * 1024
"""Packed bytes of one pod's samples; those of a busier pod are not kept."""


class RedisSamples:
    """The samples of one cluster's pods; their labels are redacted before."""

    def __init__(self, redis: Redis, prefix: str, cluster: str) -> None:
        self._redis = redis
        self._prefix = f"{prefix}samples/{cluster}/"

    def load(self, pods: Collection[PodName]) -> Mapping[PodName, Samples]:
        """The kept samples; a pod without any, or with unreadable ones, is missing."""
        wanted = list(pods)
        if not wanted:
            return {}
        try:
            stored = self._redis.mget([self._key(pod) for pod in wanted])
        except Unavailable as failure:
            log.info("earlier samples of counters were not read: %s", failure)
            return {}
        return dict(_readable(zip(wanted, stored, strict=True)))

    def keep(self, samples: Mapping[PodName, Samples]) -> None:
        """Replace the samples of these pods."""
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                for pod, each in list(samples.items())[:MOST_PODS]:
                    packed = pack(_written(each))
                    if len(packed) <= LARGEST_SAMPLES:
                        pipe.set(self._key(pod), packed, ex=int(KEPT.total_seconds()))
                pipe.execute()
        except Unavailable as failure:
            log.info("samples of counters were not kept: %s", failure)

    def _key(self, pod: PodName) -> str:
        return f"{self._prefix}{pod}"


def _written(samples: Samples) -> bytes:
    return orjson.dumps(
        [
            [at.isoformat(), [[metric, labels, value] for (metric, labels), value in each.items()]]
            for at, each in samples
        ]
    )


def _readable(stored: Iterator[tuple[PodName, Any]]) -> Iterator[tuple[PodName, Samples]]:
    for pod, packed in stored:
        if packed is None:
            continue
        try:
            yield pod, _read(unpack(packed))
        except (ValueError, TypeError, zlib.error) as wrong:
            log.warning("earlier samples of pod %s cannot be read: %s", pod, wrong)


def _read(document: bytes) -> Samples:
    """The samples of a document. Raises ValueError or TypeError for another content."""
    found = []
    for at, series in orjson.loads(document):
        sample = {
            (str(metric), tuple((str(name), str(label)) for name, label in labels)): float(value)
            for metric, labels, value in series
        }
        found.append((datetime.fromisoformat(at).astimezone(UTC), sample))
    return tuple(found)
