"""What a source is, and how a whole cluster is gathered from one.

Reads that do not depend on one another go out together."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Protocol

from checks.engine.arrivals import Absent, Closed, Failed, Found, NotConfigured, Reading
from checks.facts.azure_json import canonical
from checks.facts.fact import ArmResource, AzureCall, Fact, Gap, Listed, Origin, PodLog, PodName, ServerVersion
from checks.facts.store import FactStore
from checks.model.raw_values import Raw

log = logging.getLogger(__name__)

TOO_LATE = "no answer before the run's deadline"
"""The message of a gap (504) for what had not come when the run's time was up."""


@dataclass(frozen=True, slots=True)
class Objects:
    """A read brought these raw objects: Kubernetes objects with kind and apiVersion, Azure's as any of its tools prints
    them (the facts are read from their canonical form), logs as `{namespace, pod, container, text}`. `missing` says of
    which namespaces nothing could be read, though of the others it could."""

    raw: tuple[Raw, ...]
    missing: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class NotInstalled:
    """The API server does not have this kind (404 on the list)."""


@dataclass(frozen=True, slots=True)
class NotLookedAt:
    """This source does not look at that half, by configuration."""


Answer = Objects | NotInstalled | NotLookedAt | Gap


class SourceError(Exception):
    """A source cannot even be opened (a kubeconfig that is not there, say): the text says what to do about it."""


class Source(Protocol):
    """Reads one cluster. No method raises for what the other side does: a failed read is a Gap. Methods are called from
    several threads at once; `deadline` is a `time.monotonic()` moment after which an answer is no longer wanted."""

    def now(self) -> datetime:
        """The time that checks reason with: a live cluster's is the present, a bundle's is `captured_at`."""
        ...

    def list_objects(self, what: Listed, deadline: float) -> Answer:
        """All objects of a kind in every namespace."""
        ...

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        """`managedClusters` (one object) or `agentPools` (a list)."""
        ...

    def arm(self, resource_id: str, deadline: float) -> Answer:
        """One other Azure resource by its id."""
        ...

    def pod_log(self, pod: PodName, container: str, tail: int, deadline: float) -> Answer:
        """The newest `tail` lines of a container; no lines for one that has not started."""
        ...

    def server_version(self, deadline: float) -> Answer:
        """`GET /version`."""
        ...


Request = tuple[type[Fact], object]
"""A kind, and what distinguishes its reads: None, an ARM id, or a PodName."""


def gather(
    source: Source, kinds: Collection[type[Fact]], store: FactStore, deadline: float, concurrency: int = 32
) -> Iterator[Reading]:
    """Reads all `kinds`, each as early as it can be, and gives readings as they come; the caller puts each into `store`
    before asking for the next. What has not answered by `deadline` becomes a gap (504); no thread is waited for after
    it.
    """
    run = _Gathering(source, kinds, store, deadline)
    pool = ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="gather")
    try:
        yield from run.readings(pool)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class _Gathering:
    def __init__(self, source: Source, kinds: Collection[type[Fact]], store: FactStore, deadline: float) -> None:
        self.source = source
        self.store = store
        self.deadline = deadline
        self.kinds = _with_what_they_follow(kinds)
        self.pending: set[type[Fact]] = set(self.kinds)
        self.open: dict[type[Fact], int] = defaultdict(int)
        self.flying: dict[Future[Answer], Request] = {}

    def readings(self, pool: ThreadPoolExecutor) -> Iterator[Reading]:
        yield from self._launch(pool)
        while self.flying:
            left = self.deadline - monotonic()
            done, _ = wait(self.flying, timeout=max(left, 0), return_when=FIRST_COMPLETED)
            if not done:
                yield from self._give_up()
                break
            for future in done:
                kind, detail = self.flying.pop(future)
                yield from _readings(kind, detail, _answer(future, kind, detail))
                self.open[kind] -= 1
                if not self.open[kind]:
                    yield Closed(kind)
            yield from self._launch(pool)
        for kind in sorted(self.pending, key=lambda k: k.__name__):
            # Only after the deadline: what these reads follow never came.
            gaps = list(_inherited(kind.origin, self.store)) or [_late(kind.origin, None)]
            yield from (Failed(kind, gap) for gap in gaps)
            yield Closed(kind)

    def _launch(self, pool: ThreadPoolExecutor) -> Iterator[Reading]:
        """Sends every read whose forerunners have come; kinds with nothing to read are closed at once, which may free
        others."""
        progress = True
        while progress:
            progress = False
            for kind in sorted(self.pending, key=lambda k: k.__name__):
                if not all(self.store.arrived(earlier) for earlier in _after(kind.origin)):
                    continue
                if isinstance(kind.origin, PodLog) and not self.store.targets and self._target_may_come():
                    continue
                self.pending.discard(kind)
                details = [] if self._is_over(kind.origin) else list(_details(kind.origin, self.store))
                for detail in details:
                    self.flying[pool.submit(self._read, kind.origin, detail)] = (kind, detail)
                self.open[kind] = len(details)
                if not details:
                    yield from (Failed(kind, gap) for gap in _inherited(kind.origin, self.store))
                    yield Closed(kind)
                    progress = True

    def _is_over(self, origin: Origin) -> bool:
        """Whether what this read follows came too late: there is no time left for it, and in a replay there was none."""
        gaps = (gap for earlier in _after(origin) for gap in self.store.gaps(earlier))
        return any(gap.status == 504 and gap.message == TOO_LATE for gap in gaps)

    def _target_may_come(self) -> bool:
        """Logs wait until it is known which gateway the run is about, while reads that may tell it are under way."""
        return bool(self.flying)

    def _read(self, origin: Origin, detail: object) -> Answer:
        match origin:
            case Listed():
                return self.source.list_objects(origin, self.deadline)
            case AzureCall():
                return self.source.azure(origin, self.deadline)
            case ArmResource():
                return self.source.arm(str(detail), self.deadline)
            case PodLog(container=container, tail=tail):
                assert isinstance(detail, PodName)  # noqa: S101 (what _details gives for logs)
                return self.source.pod_log(detail, container, tail, self.deadline)
            case ServerVersion():
                return self.source.server_version(self.deadline)

    def _give_up(self) -> Iterator[Reading]:
        for future, (kind, detail) in self.flying.items():
            future.cancel()
            yield Failed(kind, _late(kind.origin, detail))
        for kind in sorted({kind for kind, _ in self.flying.values()}, key=lambda k: k.__name__):
            yield Closed(kind)
        self.flying.clear()


def _with_what_they_follow(kinds: Collection[type[Fact]]) -> frozenset[type[Fact]]:
    wanted: set[type[Fact]] = set()
    todo = list(kinds)
    while todo:
        kind = todo.pop()
        if kind not in wanted:
            wanted.add(kind)
            todo.extend(_after(kind.origin))
    return frozenset(wanted)


def _after(origin: Origin) -> tuple[type[Fact], ...]:
    match origin:
        case ArmResource(after=after) | PodLog(after=after):
            return after
        case _:
            return ()


def _details(origin: Origin, store: FactStore) -> Iterator[object]:
    match origin:
        case ArmResource(ids=ids):
            yield from sorted(set(ids(store)))
        case PodLog(pods=pods):
            yield from sorted(set(pods(store)))
        case _:
            yield None


def _inherited(origin: Origin, store: FactStore) -> Iterator[Gap]:
    """A read that follows others is itself a gap where those failed: nobody could say what to read."""
    for earlier in _after(origin):
        yield from store.gaps(earlier)


def _answer(future: Future[Answer], kind: type[Fact], detail: object) -> Answer:
    try:
        return future.result()
    except Exception as error:  # the sources' own place: whatever a client library raises becomes a gap
        log.warning("reading %s failed", kind.__name__, exc_info=error)
        gap = _late(kind.origin, detail)
        return Gap(gap.source, gap.verb, gap.resource, 0, f"{type(error).__name__}", gap.namespace, gap.name)


def _readings(kind: type[Fact], detail: object, answer: Answer) -> Iterator[Reading]:
    match answer:
        case Objects(raw, missing):
            if isinstance(kind.origin, AzureCall | ArmResource):
                raw = tuple(canonical(each) for each in raw)
            yield Found(kind, tuple(kind(each) for each in raw))
            yield from (Failed(kind, gap) for gap in missing)
        case NotLookedAt():
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
    """Logs and ARM resources say which pod or resource it was."""
    if isinstance(detail, PodName):
        return Gap(gap.source, gap.verb, gap.resource, gap.status, gap.message, detail.namespace, detail.name)
    return gap


def _late(origin: Origin, detail: object) -> Gap:
    message = TOO_LATE
    match origin:
        case Listed(resource=resource):
            return Gap("kubernetes", "list", resource, 504, message)
        case ServerVersion():
            return Gap("kubernetes", "get", "version", 504, message)
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
