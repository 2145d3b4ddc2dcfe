"""Earlier samples of pods' counters, which make a second sample unnecessary.

Source: docs/contract.md#metrics.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol

from checks.facts.fact import PodName
from checks.model.redaction import redact
from checks.sources.counter_series import Sample

KEPT = timedelta(minutes=15)
"""The age up to which samples count."""
MOST_PODS = 64
"""Pods of one cluster whose samples are kept."""
_MOST_SAMPLES = 4

DatedSample = tuple[datetime, Sample]
Samples = tuple[DatedSample, ...]
"""Samples of one pod, oldest first."""


class SampleMemory(Protocol):
    """Keeps the samples of one cluster's pods from one check to the next."""

    def load(self, pods: Collection[PodName]) -> Mapping[PodName, Samples]:
        """The kept samples; a pod without any is missing."""
        ...

    def keep(self, samples: Mapping[PodName, Samples]) -> None:
        """Replace the samples of these pods."""
        ...


class ProcessMemory:
    """Keeps samples in this process. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[PodName, Samples] = OrderedDict()

    def load(self, pods: Collection[PodName]) -> Mapping[PodName, Samples]:
        with self._lock:
            return {pod: self._kept[pod] for pod in pods if pod in self._kept}

    def keep(self, samples: Mapping[PodName, Samples]) -> None:
        with self._lock:
            for pod, each in samples.items():
                self._kept[pod] = each
                self._kept.move_to_end(pod)
            while len(self._kept) > MOST_PODS:
                self._kept.popitem(last=False)


def worth_keeping(samples: Samples) -> Samples:
    """The oldest sample for a long window, and the newest for the recent minutes."""
    return (*samples[:1], *samples[1:][-(_MOST_SAMPLES - 1) :])


def redacted_sample(sample: Sample) -> Sample:
    """The sample with its labels redacted; samples of other checks are compared with it."""
    found: Sample = {}
    for (metric, labels), value in sample.items():
        key = (metric, tuple((name, redact(each)) for name, each in labels))
        found[key] = found.get(key, 0.0) + value
    return found
