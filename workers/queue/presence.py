"""The running processes, announced in Redis: doctor reports missing and outdated ones.

One hash holds a field for each process with its version, its queues and the time. A process that has not renewed its
field for a minute counts as stopped. A failed announcement is skipped: presence is for reports only.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import orjson
from celery import bootsteps
from pydantic import Field, TypeAdapter
from redis import Redis
from redis.exceptions import RedisError

from checks import __version__
from checks.model.raw_values import Moment
from workers.queue.connection import quick_connection
from workers.queue.settings import worker_settings

log = logging.getLogger(__name__)

ANNOUNCE_INTERVAL = 10.0
"""Seconds between two announcements."""

PRESENT_FOR = timedelta(seconds=60)
"""The time after its last announcement for which a process counts as present."""

_FORGOTTEN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Process:
    """A running process.

    `role` is worker, courier, beat or listener, `name` is unique (`worker@pod`).
    """

    name: Annotated[str, Field(exclude=True)]
    version: str
    queues: tuple[str, ...]
    at: Moment

    @property
    def role(self) -> str:
        return self.name.partition("@")[0]


_PROCESS_JSON = TypeAdapter(Process)


class Presence:
    """The processes of one installation. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._key = f"{prefix}presence"

    def announce(self, process: Process) -> None:
        """Records that a process is running."""
        self._redis.hset(self._key, process.name, _PROCESS_JSON.dump_json(process).decode())
        for each in self._all():
            if process.at - each.at > _FORGOTTEN:
                self._redis.hdel(self._key, each.name)

    def leave(self, name: str) -> None:
        """Removes a process that has stopped in good order."""
        self._redis.hdel(self._key, name)

    def present(self, now: datetime) -> tuple[Process, ...]:
        """The processes that have announced themselves in the last minute, by name."""
        return tuple(each for each in self._all() if now - each.at <= PRESENT_FOR)

    def _all(self) -> tuple[Process, ...]:
        found: list[Process] = []
        for name, raw in sorted(self._redis.hgetall(self._key).items()):
            try:
                found.append(_PROCESS_JSON.validate_python({**orjson.loads(raw), "name": name}))
            except (ValueError, TypeError) as wrong:
                # A process that runs announces itself again.
                log.warning("the announcement of %s was removed: it cannot be read: %s", name, type(wrong).__name__)
                self._redis.hdel(self._key, name)
        return tuple(found)


class Announcer:
    """Announces this process; skips an announcement that Redis does not take."""

    def __init__(self, name: str, queues: tuple[str, ...] = ()) -> None:
        config = worker_settings()
        self.name = name
        self.queues = queues
        self._redis = quick_connection(config.redis_url)
        self._presence = Presence(self._redis, config.prefix)

    def announce(self) -> None:
        """Announce this process."""
        try:
            self._presence.announce(Process(self.name, __version__, self.queues, datetime.now(UTC)))
        except RedisError as failure:
            log.debug("not announced: %s", type(failure).__name__)

    def leave(self) -> None:
        """Withdraw the announcement of this process."""
        try:
            self._presence.leave(self.name)
        except RedisError as failure:
            log.debug("announcement not withdrawn: %s", type(failure).__name__)
        self._redis.close()


class Announced(bootsteps.StartStopStep):
    """Announces a worker, courier or beat by its consumer's timer.

    If the consumer hangs, the process counts as not running.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.announcer: Announcer | None = None
        self.timer: Any = None

    def start(self, parent: Any) -> None:
        self.announcer = Announcer(str(parent.hostname), tuple(parent.app.amqp.queues.consume_from))
        self.announcer.announce()
        self.timer = parent.timer.call_repeatedly(ANNOUNCE_INTERVAL, self.announcer.announce)

    def stop(self, parent: Any) -> None:
        del parent
        if self.timer is not None:
            self.timer.cancel()
        if self.announcer is not None:
            self.announcer.leave()
        self.timer = self.announcer = None

    def shutdown(self, parent: Any) -> None:
        self.stop(parent)


@contextmanager
def announced(name: str) -> Iterator[None]:
    """Announce a process without a consumer (the listener) while the block runs.

    A thread renews the announcement.
    """
    announcer, over = Announcer(name), threading.Event()

    def announce() -> None:
        while True:
            announcer.announce()
            if over.wait(ANNOUNCE_INTERVAL):
                return

    thread = threading.Thread(target=announce, name="presence", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=2)
        announcer.leave()
