"""Watches, which check a gateway repeatedly.

A watch ends when the gateway passes three checks in a row or its time is over.

A watch is a record with a due time. Beat advances the due watches and keeps all state in the record, so any
process may die in between and be restarted.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from redis import Redis
from redis.exceptions import LockError

from checks.reports.wording import roots_of
from workers.records.run import Accepted, Order, Run, Target
from workers.records.stored import read_record
from workers.records.watch import PASSES_TO_FIX, WATCH_JSON, Watch, WatchCheck, WatchState

log = logging.getLogger(__name__)


_POLL_INTERVAL = timedelta(seconds=1)
"""How often the state of the run under way is read."""

MOST_CHANGES = 100
"""Changes that a watch lists. Each later one takes the place of the last."""

RUNS_OF_CHANGES = 10
"""Changes of a watch whose runs are kept, the latest ones.

The runs of other checks are deleted as soon as a later check has ended.
"""


class Watches:
    """All watches. Every method may raise `connection.Unavailable`."""

    def __init__(
        self, redis: Redis, prefix: str, keep: int, interval: float, discard_run: Callable[[str], None]
    ) -> None:
        self.redis = redis
        self.discard_run = discard_run
        self.prefix = prefix
        self.keep = keep
        self.interval = timedelta(seconds=interval)

    def begin(self, target: Target, user: str, channel: str, thread: str | None, span: timedelta) -> tuple[Watch, bool]:
        """Begin a watch; True with the one that is active for the same target in this thread."""
        going = self._key("watching", channel, thread or "", target.key)
        known = self.redis.get(going)
        if known is not None and (found := self.get(str(known))) is not None and not found.state.ended:
            return found, True
        now = datetime.now(UTC)
        watch = Watch(secrets.token_hex(6), target, user, channel, thread, now, now + span)
        self._keep(watch)
        self.redis.set(going, watch.id, ex=self.keep)
        self.redis.zadd(self._key("watches"), {watch.id: now.timestamp()})
        return watch, False

    def get(self, watch_id: str) -> Watch | None:
        """A watch, or None if it is unknown or too old."""
        raw = self.redis.get(self._key("watch", watch_id))
        return read_record(WATCH_JSON, raw, id=watch_id) if raw is not None else None

    def active(self, user: str | None = None) -> tuple[Watch, ...]:
        """The watches that have not ended, oldest first, optionally of one user."""
        found = [self.get(str(each)) for each in self.redis.zrange(self._key("watches"), 0, -1)]
        mine = [w for w in found if w is not None and not w.state.ended and user in (None, w.user)]
        return tuple(sorted(mine, key=lambda watch: watch.began))

    def stop(self, watch: Watch, user: str) -> bool:
        """End a watch for a user. False if it had already ended."""
        with self.redis.lock(self._key("watch", watch.id, "lease"), timeout=10, blocking_timeout=3):
            current = self.get(watch.id) or watch
            if current.state.ended:
                return False
            self._end(replace(current, stopped_by=user), WatchState.STOPPED)
            return True

    def give_to(self, watch_id: str, user: str) -> None:
        """Make another user the owner of a watch."""
        with self.redis.lock(self._key("watch", watch_id, "lease"), timeout=10, blocking_timeout=3):
            current = self.get(watch_id)
            if current is not None and not current.state.ended:
                self._keep(replace(current, user=user))

    def due(self) -> tuple[str, ...]:
        """The watches that are due."""
        found = self.redis.zrangebyscore(self._key("watches"), "-inf", datetime.now(UTC).timestamp())
        return tuple(str(each) for each in found)

    def step(self, watch_id: str, start: Callable[[Order], Accepted], run: Callable[[str], Run | None]) -> Watch | None:
        """Advance a watch by one step: start a run, wait for it, or judge it.

        Returns the watch if its message changes.
        """
        lock = self.redis.lock(self._key("watch", watch_id, "lease"), timeout=10, blocking=False)
        if not lock.acquire():
            return None
        try:
            watch = self.get(watch_id)
            if watch is None or watch.state.ended:
                self.redis.zrem(self._key("watches"), watch_id)
                return None
            return self._advance(watch, start, run)
        finally:
            try:
                lock.release()
            except LockError:
                log.info("the lease of watch %s had expired", watch_id)

    def _advance(
        self, watch: Watch, start: Callable[[Order], Accepted], run: Callable[[str], Run | None]
    ) -> Watch | None:
        now = datetime.now(UTC)
        current = run(watch.run) if watch.run else None
        if current is not None and current.state.ended:
            return self._judge(watch, current, now)
        if now >= watch.until:
            return self._end(watch, WatchState.EXPIRED)
        if current is None:
            key = f"watch/{watch.id}/{watch.checks}"
            order = Order(watch.target, watch.user, watch.channel, key, thread=watch.thread, watch=watch.id)
            self._keep(replace(watch, run=start(order).run.id))
        self._due(watch, now + _POLL_INTERVAL)
        return watch if watch.checks == 0 and current is None else None

    def _judge(self, watch: Watch, run: Run, now: datetime) -> Watch:
        report = run.report
        causes = tuple(f.title for f in roots_of(report)) if report is not None else (run.problem,)
        before = watch
        check = WatchCheck(run.ended or now, report.verdict if report is not None else None, causes, run.id)
        changed = watch.last is None or watch.last.result != check.result
        watch = replace(
            watch,
            checks=watch.checks + 1,
            passed=watch.passed + 1 if check.passed else 0,
            last=check,
            changes=_with_change(watch.changes, check) if changed else watch.changes,
            run="",
        )
        if watch.passed >= PASSES_TO_FIX:
            watch = self._end(watch, WatchState.FIXED)
        elif now >= watch.until:
            watch = self._end(watch, WatchState.EXPIRED)
        else:
            self._keep(watch)
            self._due(watch, min(now + self.interval, watch.until))
        for surplus in sorted(_needed_runs(before) - _needed_runs(watch)):
            self.discard_run(surplus)
        return watch

    def _end(self, watch: Watch, state: WatchState) -> Watch:
        watch = replace(watch, state=state, ended=datetime.now(UTC))
        self._keep(watch)
        self.redis.zrem(self._key("watches"), watch.id)
        self.redis.delete(self._key("watching", watch.channel, watch.thread or "", watch.target.key))
        return watch

    def _due(self, watch: Watch, at: datetime) -> None:
        self.redis.zadd(self._key("watches"), {watch.id: at.timestamp()})

    def _keep(self, watch: Watch) -> None:
        self.redis.set(self._key("watch", watch.id), WATCH_JSON.dump_json(watch), ex=self.keep)

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)


def _with_change(changes: tuple[WatchCheck, ...], check: WatchCheck) -> tuple[WatchCheck, ...]:
    return (*changes[: MOST_CHANGES - 1], check)


def _needed_runs(watch: Watch) -> set[str]:
    """The runs under way, of the last check, and of the latest changes."""
    last = watch.last.run if watch.last is not None else ""
    return {watch.run, last, *(change.run for change in watch.changes[-RUNS_OF_CHANGES:])} - {""}
