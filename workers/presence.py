"""Who takes part: each process announces itself in Redis, so that a missing worker or one of another version is seen.

One hash, a field for each process, with its role, version, queues and the time; what has not been renewed for a minute is
gone. An announcement that fails is left out: presence is for looking, nothing depends on it.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from celery import bootsteps
from redis import Redis
from redis.exceptions import RedisError

from checks import __version__
from checks.facts.reading import parse_moment
from workers.connection import impatient
from workers.settings import settings

log = logging.getLogger(__name__)

INTERVAL = 10.0
"""Seconds between two announcements."""

GONE = timedelta(seconds=60)
"""A process that has not announced itself for so long is not there any more."""

_FORGOTTEN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Process:
    """A process that takes part: `role` is worker, courier, beat or listener; `name` is unique (`worker@pod`)."""

    name: str
    version: str
    queues: tuple[str, ...]
    at: datetime

    @property
    def role(self) -> str:
        return self.name.partition("@")[0]


class Presence:
    """The processes of one installation. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._key = f"{prefix}presence"

    def announce(self, process: Process) -> None:
        """Notes that a process is there."""
        value = {"version": process.version, "queues": process.queues, "at": process.at.isoformat()}
        self._redis.hset(self._key, process.name, orjson.dumps(value).decode())
        for each in self._all():
            if process.at - each.at > _FORGOTTEN:
                self._redis.hdel(self._key, each.name)

    def leave(self, name: str) -> None:
        """Notes that a process has ended in good order."""
        self._redis.hdel(self._key, name)

    def present(self, now: datetime) -> tuple[Process, ...]:
        """The processes that have announced themselves lately, by name."""
        return tuple(each for each in self._all() if now - each.at <= GONE)

    def _all(self) -> tuple[Process, ...]:
        found = self._redis.hgetall(self._key)
        return tuple(_process(str(name), orjson.loads(value)) for name, value in sorted(found.items()))


def _process(name: str, raw: dict[str, Any]) -> Process:
    at = parse_moment(raw.get("at")) or datetime.fromtimestamp(0, UTC)
    return Process(name, str(raw.get("version", "")), tuple(raw.get("queues", ())), at)


class Announcer:
    """Announces this process now and then from a thread of its own, until it is stopped."""

    def __init__(self, name: str, queues: tuple[str, ...] = ()) -> None:
        config = settings()
        self.name = name
        self.queues = queues
        self._redis = impatient(config.redis_url)
        self._presence = Presence(self._redis, config.prefix)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._announce, name="presence", daemon=True)

    def start(self) -> None:
        """Announces from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Announces no more, and takes the leave of whoever looks."""
        self._over.set()
        self._thread.join(timeout=2)
        try:
            self._presence.leave(self.name)
        except RedisError as gone:
            log.info("no leave was taken: %s", type(gone).__name__)
        self._redis.close()

    def _announce(self) -> None:
        while True:
            try:
                self._presence.announce(Process(self.name, __version__, self.queues, datetime.now(UTC)))
            except RedisError as gone:
                log.debug("not announced: %s", type(gone).__name__)
            if self._over.wait(INTERVAL):
                return


class Announced(bootsteps.StartStopStep):
    """A worker, courier or beat announces itself while its consumer is connected."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.announcer: Announcer | None = None

    def start(self, parent: Any) -> None:
        self.announcer = Announcer(str(parent.hostname), tuple(parent.app.amqp.queues.consume_from))
        self.announcer.start()

    def stop(self, parent: Any) -> None:
        del parent
        announcer, self.announcer = self.announcer, None
        if announcer is not None:
            announcer.stop()

    def shutdown(self, parent: Any) -> None:
        self.stop(parent)
