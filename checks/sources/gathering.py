"""Reading all facts of a cluster from a source.

Reads that do not depend on one another run in parallel.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Event
from time import monotonic

from checks.engine.readings import Absent, Closed, Failed, Found, NotConfigured, Reading
from checks.facts.azure_json import canonical
from checks.facts.fact import (
    ArmResource,
    AzureCall,
    CountersWanted,
    Fact,
    Gap,
    Listed,
    Origin,
    PodLog,
    PodName,
    ProbeResults,
    ProxyCounters,
    ServerVersion,
)
from checks.facts.store import FactStore
from checks.sources.background import BackgroundThreads
from checks.sources.client_errors import answer_or_gap
from checks.sources.read_ahead import read_memory_of
from checks.sources.recorded import RecordedSource
from checks.sources.source import TOO_LATE, Answer, NotCovered, NotInstalled, Objects, Source

Request = tuple[type[Fact], object]
"""A kind of fact, and the object of the read: an ARM ID, a PodName, proxies, or None."""


def gather(
    source: Source,
    kinds: Collection[type[Fact]],
    store: FactStore,
    deadline: float,
    concurrency: int = 32,
    gateway: str = "",
) -> Iterator[Reading]:
    """Read all `kinds`, each as early as possible, and yield the readings as they arrive.

    `gateway` is the gateway of the run by which its Azure reads are expected in its next run; "" for all of a cluster.
    The caller records each in `store` before it takes the next. Reads without an answer at `deadline` become gaps (504);
    their threads are not waited for. A recording answers from memory, faster than a thread starts, so it needs none.
    """
    run = _Gathering(source, kinds, store, deadline, gateway)
    threads = _Threads(0 if isinstance(source, RecordedSource) else concurrency)
    try:
        yield from run.readings(threads)
        run.remember()
    finally:
        threads.cancel_waiting()


class _Threads:
    """The threads of a run; reads of Azure, which take longest, have their own."""

    def __init__(self, most: int) -> None:
        self.azure, self._others = BackgroundThreads(most, "gather-azure"), BackgroundThreads(most, "gather")

    def reading(self, origin: Origin) -> BackgroundThreads:
        """The threads that read from this API."""
        return self.azure if isinstance(origin, AzureCall | ArmResource) else self._others

    def cancel_waiting(self) -> None:
        """Cancel the reads that have not begun."""
        self.azure.cancel_waiting()
        self._others.cancel_waiting()


class _Gathering:
    def __init__(
        self, source: Source, kinds: Collection[type[Fact]], store: FactStore, deadline: float, gateway: str
    ) -> None:
        self.source = source
        self.store = store
        self.deadline = deadline
        self.kinds = _with_prerequisites(kinds)
        self.pending = _longest_chain_first(self.kinds)
        """The kinds whose reads have not begun, in the order in which they begin."""
        self.counters = frozenset(kind for kind in self.kinds if isinstance(kind.origin, ProxyCounters))
        self.open: dict[type[Fact], int] = defaultdict(int)
        self.in_flight: dict[Future[Answer], Request] = {}
        self.ended: SimpleQueue[Future[Answer]] = SimpleQueue()
        """The reads that have ended since they were last taken."""
        self.gateway = gateway
        self.memory = read_memory_of(source)
        self.needed: set[str] = set()
        """The IDs of Azure resources that the run has needed, in lower case."""
        self.early: dict[str, Future[Answer]] = {}
        """The reads of expected IDs that the run has not needed so far."""
        self.early_counters: tuple[CountersWanted, Future[Answer]] | None = None
        """The read of the counters of the gateway that the objects in the cluster show."""
        self.others_ended = Event()
        """Set when only counters are left to read: a second sample of them waits for it."""

    def remember(self) -> None:
        """Keep the IDs for the next run of the gateway."""
        if self.memory is not None:
            self.memory.remember(self.gateway, self.needed)

    def readings(self, threads: _Threads) -> Iterator[Reading]:
        if self.memory is not None and any(isinstance(kind.origin, ArmResource) for kind in self.kinds):
            self._expect(threads, self.memory.expected(self.gateway))
        yield from self._launch(threads)
        self._note_end()
        while self.in_flight:
            done = self._next_ended()
            if not done:
                yield from self._give_up()
                break
            ended = [(future, *self.in_flight.pop(future)) for future in done]
            self._note_end()
            for future, kind, detail in ended:
                yield from _readings(kind, detail, _answer(future, kind, detail))
                self.open[kind] -= 1
                if not self.open[kind]:
                    yield Closed(kind)
            yield from self._launch(threads)
            self._note_end()
        for kind in sorted(self.pending, key=lambda k: k.__name__):
            # After the deadline: the reads that these depend on did not finish.
            gaps = list(_inherited(kind.origin, self.store)) or [_late(kind.origin, None)]
            yield from (Failed(kind, gap) for gap in gaps)
            yield Closed(kind)

    def _next_ended(self) -> list[Future[Answer]]:
        """The reads that have ended; none if the deadline has passed before one did."""
        done: list[Future[Answer]] = []
        try:
            done.append(self.ended.get(timeout=max(self.deadline - monotonic(), 0)))
            while True:
                done.append(self.ended.get_nowait())
        except Empty:
            return done

    def _launch(self, threads: _Threads) -> Iterator[Reading]:
        """Start every read whose prerequisites have finished.

        A kind without objects to read is closed immediately, which may allow others to start.
        """
        progress = True
        while progress:
            progress = False
            for kind in tuple(self.pending):
                self._expect_of(threads, kind.origin)
                if not all(self.store.arrived(earlier) for earlier in _after(kind.origin)):
                    continue
                if (
                    isinstance(kind.origin, PodLog | ProxyCounters)
                    and not self.store.targets
                    and self._target_may_come()
                ):
                    continue
                self.pending.remove(kind)
                details = [] if self._is_over(kind.origin) else list(_details(kind.origin, self.store))
                for detail in details:
                    begun = self._begun(threads, kind.origin, detail)
                    self.in_flight[begun] = (kind, detail)
                    begun.add_done_callback(self.ended.put)
                self.open[kind] = len(details)
                if not details:
                    yield from (Failed(kind, gap) for gap in _inherited(kind.origin, self.store))
                    yield Closed(kind)
                    progress = True

    def _begun(self, threads: _Threads, origin: Origin, detail: object) -> "Future[Answer]":
        """The read of an object; one that is already under way, if its ID was expected."""
        if isinstance(origin, ArmResource):
            self.needed.add(str(detail).lower())
            if (early := self.early.pop(str(detail).lower(), None)) is not None:
                return early
        if self.early_counters is not None and self.early_counters[0] == detail:
            return self.early_counters[1]
        return threads.reading(origin).submit(self._read, origin, detail)

    def _expect_of(self, threads: _Threads, origin: Origin) -> None:
        """Begin the reads that the kind's facts so far make likely."""
        if isinstance(origin, ProxyCounters):
            self._expect_counters(threads, origin)
        if self.memory is None or not isinstance(origin, ArmResource) or origin.expected is None:
            return
        if self.store.arrived(*origin.expected_after):
            self._expect(threads, origin.expected(self.store))

    def _expect_counters(self, threads: _Threads, origin: ProxyCounters) -> None:
        """Begin the counters of the gateway before Azure has named it: two samples take 2 s."""
        if self.memory is None or self.early_counters is not None or origin.expected is None:
            return
        if self.store.arrived(*origin.expected_after):
            wanted = origin.expected(self.store, self.gateway)
            if wanted is not None:
                self.early_counters = (wanted, threads.reading(origin).submit(self._read, origin, wanted))

    def _expect(self, threads: _Threads, ids: Iterable[str]) -> None:
        for each in ids:
            if (key := each.lower()) not in self.early and key not in self.needed:
                self.early[key] = threads.azure.submit(self.source.arm, each, self.deadline)

    def _is_over(self, origin: Origin) -> bool:
        """Whether a prerequisite of this read timed out.

        There is then no time left for it, as in the recorded run.
        """
        gaps = (gap for earlier in _after(origin) for gap in self.store.gaps(earlier))
        return any(gap.status == 504 and gap.message == TOO_LATE for gap in gaps)

    def _note_end(self) -> None:
        """Note whether only counters are left to read."""
        if self.counters.issuperset(self.pending) and self.counters.issuperset(
            kind for kind, _ in self.in_flight.values()
        ):
            self.others_ended.set()

    def _target_may_come(self) -> bool:
        """Whether reads are in flight that may identify the run's gateway; logs wait for them."""
        return bool(self.in_flight)

    def _read(self, origin: Origin, detail: object) -> Answer:
        match origin:
            case Listed():
                return self.source.list_objects(origin, self.deadline)
            case AzureCall():
                return self.source.azure(origin, self.deadline)
            case ArmResource():
                return self.source.arm(str(detail), self.deadline)
            case PodLog(container=container, tail=tail):
                assert isinstance(detail, PodName)  # noqa: S101 - _details yields pod names for logs
                return self.source.pod_log(detail, container, tail, self.deadline)
            case ServerVersion():
                return self.source.server_version(self.deadline)
            case ProbeResults():
                return self.source.probe_results()
            case ProxyCounters():
                assert isinstance(detail, CountersWanted)  # noqa: S101 - _details yields the proxies
                return self.source.proxy_counters(detail, self.deadline, self.others_ended)

    def _give_up(self) -> Iterator[Reading]:
        for future, (kind, detail) in self.in_flight.items():
            future.cancel()
            yield Failed(kind, _late(kind.origin, detail))
        for kind in sorted({kind for kind, _ in self.in_flight.values()}, key=lambda k: k.__name__):
            yield Closed(kind)
        self.in_flight.clear()


def _with_prerequisites(kinds: Collection[type[Fact]]) -> frozenset[type[Fact]]:
    wanted: set[type[Fact]] = set()
    todo = list(kinds)
    while todo:
        kind = todo.pop()
        if kind not in wanted:
            wanted.add(kind)
            todo.extend(_after(kind.origin))
    return frozenset(wanted)


def _longest_chain_first(kinds: Iterable[type[Fact]]) -> list[type[Fact]]:
    """The kinds by the number of reads that wait for them one after the other, then by name.

    The Azure reads behind the nodes take longer than all lists together, so the nodes are read first.
    """
    chains: dict[type[Fact], int] = {}

    def note(kind: type[Fact], length: int) -> None:
        if length > chains.get(kind, -1):
            chains[kind] = length
            for earlier in _after(kind.origin):
                note(earlier, length + 1)

    for each in kinds:
        note(each, 0)
    return sorted(chains, key=lambda kind: (-chains[kind], kind.__name__))


def _after(origin: Origin) -> tuple[type[Fact], ...]:
    match origin:
        case ArmResource(after=after) | PodLog(after=after) | ProxyCounters(after=after):
            return after
        case _:
            return ()


def _details(origin: Origin, store: FactStore) -> Iterator[object]:
    match origin:
        case ArmResource(ids=ids):
            yield from sorted(set(ids(store)))
        case PodLog(pods=pods):
            yield from sorted(set(pods(store)))
        case ProxyCounters(wanted=wanted):
            yield wanted(store)
        case _:
            yield None


def _inherited(origin: Origin, store: FactStore) -> Iterator[Gap]:
    """The gaps of a read's prerequisites: if they failed, it is not known what to read."""
    for earlier in _after(origin):
        yield from store.gaps(earlier)


def _answer(future: Future[Answer], kind: type[Fact], detail: object) -> Answer:
    return answer_or_gap(future.result, _late(kind.origin, detail))


def _readings(kind: type[Fact], detail: object, answer: Answer) -> Iterator[Reading]:
    match answer:
        case Objects(raw, missing):
            if isinstance(kind.origin, AzureCall | ArmResource):
                raw = tuple(canonical(each) for each in raw)
            yield Found(kind, tuple(kind(each) for each in raw))
            yield from (Failed(kind, gap) for gap in missing)
        case NotCovered():
            yield NotConfigured(kind)
        case NotInstalled():
            if isinstance(kind.origin, Listed) and kind.origin.may_be_absent:
                yield Absent(kind)
                return
            yield Failed(
                kind, Gap("kubernetes", "list", _name(kind.origin), 404, "the API server does not have this kind")
            )
        case Gap():
            yield Failed(kind, _placed(answer, detail))


def _placed(gap: Gap, detail: object) -> Gap:
    """The gap with the pod whose log was read."""
    if isinstance(detail, PodName):
        return replace(gap, namespace=detail.namespace, name=detail.name)
    return gap


def _late(origin: Origin, detail: object) -> Gap:
    message = TOO_LATE
    match origin:
        case Listed(resource=resource):
            return Gap("kubernetes", "list", resource, 504, message)
        case ServerVersion():
            return Gap("kubernetes", "get", "version", 504, message)
        case ProbeResults():
            return Gap("probes", "get", "probes", 504, message)
        case ProxyCounters():
            return Gap("metrics", "get", "metrics", 504, message)
        case AzureCall(resource=resource):
            return Gap("azure", "get" if resource == "managedClusters" else "list", resource, 504, message)
        case ArmResource():
            return Gap("azure", "get", str(detail or origin.resource), 504, message)
        case PodLog():
            pod = detail if isinstance(detail, PodName) else None
            return Gap(
                "logs", "get", "pods/log", 504, message, pod.namespace if pod else None, pod.name if pod else None
            )


def _name(origin: Origin) -> str:
    return origin.resource
