"""Reads of Azure resources that start before the reads that name their IDs have ended.

Each read of Azure takes a quarter of a second, and a route table is named by a subnet, which is named by a node pool. A run
therefore begins reads of IDs that it expects: those that the last run of the gateway read, and the subnets in the labels of
nodes. IDs are remembered, contents never: an expected read is one of this run, and its answer counts only if the run
then needs exactly this ID. Other answers are dropped.
"""

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Protocol, runtime_checkable

from checks.sources.source import Source

MOST_REMEMBERED = 1_000
MOST_IDS = 64
"""The limits of a memory: gateways of a cluster, and IDs of each."""


class ReadMemory:
    """The IDs of Azure resources that the last run of each gateway of a cluster needed.

    Safe to use from several threads. The key of a fleet check, which reads the cluster for all gateways, is "".
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._ids: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def expected(self, gateway: str) -> tuple[str, ...]:
        """The IDs of the last run; none for a gateway that was not read before."""
        with self._lock:
            return self._ids.get(gateway, ())

    def remember(self, gateway: str, ids: Iterable[str]) -> None:
        """Replace what is remembered by the IDs of this run."""
        with self._lock:
            self._ids[gateway] = tuple(sorted(set(ids)))[:MOST_IDS]
            self._ids.move_to_end(gateway)
            while len(self._ids) > MOST_REMEMBERED:
                self._ids.popitem(last=False)


@runtime_checkable
class ReadsAhead(Protocol):
    """A source of a live cluster, for which expected reads are worth an unneeded request."""

    @property
    def read_memory(self) -> ReadMemory | None:
        """The memory of the cluster; None for a source that must begin only what is needed."""
        ...


def read_memory_of(source: Source) -> ReadMemory | None:
    """The memory of a source; None if it reads nothing ahead."""
    return source.read_memory if isinstance(source, ReadsAhead) else None
