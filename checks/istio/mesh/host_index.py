"""Values by host: what `hosts_overlap` would find among many, without comparing with each."""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from checks.istio.mesh.objects.hosts import hosts_overlap, is_wildcard

_V = TypeVar("_V")


class HostIndex(Generic[_V]):
    """Values with their hosts, each perhaps a wildcard."""

    def __init__(self, values: Iterable[tuple[_V, Iterable[str]]]) -> None:
        self._values: list[_V] = []
        self._exact: dict[str, list[int]] = {}
        self._wildcards: dict[str, list[int]] = {}
        self._known: dict[str, frozenset[int]] = {}
        for position, (value, hosts) in enumerate(values):
            self._values.append(value)
            for host in hosts:
                index = self._wildcards if is_wildcard(host) else self._exact
                index.setdefault(host, []).append(position)

    def overlapping(self, host: str) -> list[_V]:
        """The values with a host that overlaps, in the order in which they were given."""
        return [self._values[at] for at in sorted(self._places(host))]

    def overlapping_any(self, hosts: Iterable[str]) -> list[_V]:
        """The values with a host that overlaps one of the hosts."""
        return [self._values[at] for at in sorted({at for host in hosts for at in self._places(host)})]

    def _places(self, host: str) -> frozenset[int]:
        """The positions of the values with a host that overlaps, found once for a host."""
        if host not in self._known:
            self._known[host] = frozenset(self._overlapping(host))
        return self._known[host]

    def _overlapping(self, host: str) -> Iterator[int]:
        if is_wildcard(host):
            yield from (at for name, places in self._exact.items() if hosts_overlap(name, host) for at in places)
        else:
            yield from self._exact.get(host, ())
        yield from (at for name, places in self._wildcards.items() if hosts_overlap(name, host) for at in places)
