"""Watches, which check a gateway repeatedly.

A watch ends when the gateway passes three checks in a row or its time is over.

A watch is a record with a due time. Beat advances the due watches and keeps all state in the record, so any
process may die in between and be restarted.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from redis import Redis

from checks.reports.traffic_words import mostly_fails, traffic_line
from checks.reports.wording import pending_of, roots_of
from workers.records.run import Accepted, Order, Run, Target
from workers.records.stored import read_record
from workers.records.watch import PASSES_TO_FIX, WATCH_JSON, Watch, WatchCheck, WatchState
from workers.runs.compare_and_set import Expected, Transitions, Write, until_applied
from workers.runs.documents import new_revision
from workers.runs.unreadable import UnreadableRecords

_Raw = str | bytes | None
"""A record as it is stored."""

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
        self,
        redis: Redis,
        prefix: str,
        keep: int,
        interval: float,
        discard_run: Callable[[str], None],
        head_of_card: Callable[[Run], str],
    ) -> None:
        """`head_of_card` returns the run that heads the card of another run, or ""."""
        self.redis = redis
        self._transitions = Transitions(redis, prefix)
        self._unreadable = UnreadableRecords(redis, prefix)
        self.discard_run = discard_run
        self._head_of_card = head_of_card
        self.prefix = prefix
        self.keep = keep
        self.interval = timedelta(seconds=interval)

    def begin(
        self,
        target: Target,
        user: str,
        channel: str,
        thread: str | None,
        span: timedelta,
        groups: Sequence[str] = (),
        card: str = "",
    ) -> tuple[Watch, bool]:
        """Begin a watch; True with the one that is active for the same target in this thread.

        `card` is the run whose parent message heads the thread.
        """
        now = datetime.now(UTC)
        watch = Watch(
            secrets.token_hex(6), target, user, channel, thread, now, now + span, groups=tuple(groups), card=card
        )
        return until_applied(lambda: self._joined_or_begun(watch))

    def _joined_or_begun(self, watch: Watch) -> tuple[Watch, bool] | None:
        known = self.redis.get(self._place(watch))
        if known is not None and (found := self.get(str(known))) is not None and not found.state.ended:
            return found, True
        begun = self._transitions.apply(
            [Expected(("GET", self._place(watch)), known)],
            [
                *self._kept(watch, watch.began),
                ("SET", self._place(watch), watch.id, "EX", self.keep),
                *self._shown(watch),
            ],
        )
        return (watch, False) if begun else None

    def find(self, channel: str, places: Sequence[str], targets: Sequence[Target]) -> Watch | None:
        """The active watch of one of these targets in a channel, or None.

        `places` are runs that head threads, threads, and "" for the channel itself.
        """
        for place in dict.fromkeys(places):
            for target in targets:
                known = self.redis.get(self._key("watching", channel, place, target.key))
                if known is not None and (found := self.get(str(known))) is not None and not found.state.ended:
                    return found
        return None

    def get(self, watch_id: str) -> Watch | None:
        """A watch, or None if it is unknown, too old, or cannot be read."""
        return self._unreadable.read_one(f"watch/{watch_id}", lambda: self._read(watch_id)[1], None)

    def active(self, user: str | None = None) -> tuple[Watch, ...]:
        """The watches that have not ended, oldest first, optionally of one user."""
        names = (str(each) for each in self.redis.zrange(self._key("watches"), 0, -1))
        found = self._unreadable.read_each("watch", names, lambda name: self._read(name)[1])
        mine = [w for _, w in found if w is not None and not w.state.ended and user in (None, w.user)]
        return tuple(sorted(mine, key=lambda watch: watch.began))

    def stop(self, watch: Watch, user: str) -> bool:
        """End a watch for a user. False if it had already ended."""

        def attempt() -> bool | None:
            raw, current = self._read(watch.id)
            if current is None or current.state.ended:
                return False
            return self._end(raw, replace(current, stopped_by=user), WatchState.STOPPED) is not None or None

        return until_applied(attempt)

    def give_to(self, watch_id: str, user: str, groups: Sequence[str] = ()) -> None:
        """Make another user, with their groups of the access rules, the owner of a watch."""

        def attempt() -> bool | None:
            raw, current = self._read(watch_id)
            if current is None or current.state.ended:
                return False
            return self._write(raw, replace(current, user=user, groups=tuple(groups))) or None

        until_applied(attempt)

    def due(self) -> tuple[str, ...]:
        """The watches that are due."""
        found = self.redis.zrangebyscore(self._key("watches"), "-inf", datetime.now(UTC).timestamp())
        return tuple(str(each) for each in found)

    def step(self, watch_id: str, start: Callable[[Order], Accepted], run: Callable[[str], Run | None]) -> Watch | None:
        """Advance a watch by one step: start a run, wait for it, or judge it.

        Returns the watch if its message changes.
        """
        raw, watch = self._read(watch_id)
        if watch is None or watch.state.ended:
            self.redis.zrem(self._key("watches"), watch_id)
            return None
        now = datetime.now(UTC)
        current = run(watch.run) if watch.run else None
        if current is not None and current.state.ended:
            return self._judge(raw, watch, current, now)
        if now >= watch.until:
            return self._end(raw, watch, WatchState.EXPIRED)
        if current is None:
            key = f"watch/{watch.id}/{watch.checks}"
            order = Order(
                watch.target,
                watch.user,
                watch.channel,
                key,
                thread=watch.thread,
                watch=watch.id,
                groups=watch.groups,
                card=watch.card,
            )
            watch = replace(watch, run=start(order).run.id)
        written = self._write(raw, watch, due=now + _POLL_INTERVAL)
        return watch if written and watch.checks == 0 and current is None else None

    def _judge(self, raw: _Raw, watch: Watch, run: Run, now: datetime) -> Watch | None:
        report = run.report
        ended = run.ended or now
        if report is None:
            check = WatchCheck(ended, None, (run.problem,), run.id)
        else:
            causes = roots_of(report) or pending_of(report)
            beginnings = tuple(begun for each in causes if (begun := run.beginning(each)) is not None)
            titles = tuple(each.title for each in causes)
            traffic = traffic_line(report)
            check = WatchCheck(ended, report.verdict, titles, run.id, beginnings, traffic, mostly_fails(report))
        changed = watch.last is None or watch.last.result != check.result
        if watch.last is not None and watch.last.verdict is not None:
            # A change of the traffic alone, or after a check without a result, is known to the watch only.
            same = (watch.last.verdict, watch.last.causes) == (check.verdict, check.causes)
            check = replace(check, reported=not same and not run.news)
        elif watch.last is None and report is not None:
            check = replace(check, news=run.news and bool(run.compared))
        judged = replace(
            watch,
            checks=watch.checks + 1,
            passed=watch.passed + 1 if check.passed else 0,
            last=check,
            changes=_with_change(watch.changes, check) if changed else watch.changes,
            run="",
            # A watch without a card belongs to the one that its first failed check has opened.
            card=watch.card or self._head_of_card(run),
        )
        if judged.passed >= PASSES_TO_FIX:
            after = self._end(raw, judged, WatchState.FIXED, self._place(watch))
        elif now >= watch.until:
            after = self._end(raw, judged, WatchState.EXPIRED, self._place(watch))
        else:
            due = min(now + self.interval, watch.until)
            after = judged if self._write(raw, judged, due=due, moved=self._moved(watch, judged)) else None
        if after is not None:
            for surplus in sorted(_needed_runs(watch) - _needed_runs(after)):
                self.discard_run(surplus)
        return after

    def _read(self, watch_id: str) -> tuple[_Raw, Watch | None]:
        """The record as it is stored, for the comparison, and as a watch."""
        raw = self.redis.get(self._key("watch", watch_id))
        return raw, read_record(WATCH_JSON, raw, id=watch_id) if raw is not None else None

    def _end(self, raw: _Raw, watch: Watch, state: WatchState, place: str = "") -> Watch | None:
        """End a watch, which had this place.

        None if another process has changed it since it was read.
        """
        ended = replace(watch, state=state, ended=datetime.now(UTC))
        writes = [
            *self._kept(ended, None),
            ("ZREM", self._key("watches"), watch.id),
            ("DEL", place or self._place(watch)),
            *self._shown(watch),
        ]
        return ended if self._transitions.apply([self._unchanged(raw, watch)], writes) else None

    def _write(self, raw: _Raw, watch: Watch, due: datetime | None = None, moved: Sequence[Write] = ()) -> bool:
        return self._transitions.apply([self._unchanged(raw, watch)], [*self._kept(watch, due), *moved])

    def _moved(self, before: Watch, after: Watch) -> list[Write]:
        """The writes by which the watch is found in the thread of its card."""
        old, new = self._place(before), self._place(after)
        return [] if old == new else [("DEL", old), ("SET", new, after.id, "EX", self.keep), *self._shown(after)]

    def _unchanged(self, raw: _Raw, watch: Watch) -> Expected:
        return Expected(("GET", self._key("watch", watch.id)), raw)

    def _kept(self, watch: Watch, due: datetime | None) -> list[Write]:
        writes: list[Write] = [("SET", self._key("watch", watch.id), WATCH_JSON.dump_json(watch), "EX", self.keep)]
        if due is not None:
            writes.append(("ZADD", self._key("watches"), due.timestamp(), watch.id))
        return writes

    def _shown(self, watch: Watch) -> list[Write]:
        """The new revisions of the documents that show the watch."""
        card = new_revision(self.prefix, f"run/{watch.card}", self.keep) if watch.card else []
        return [*new_revision(self.prefix, f"watch/{watch.id}", self.keep), *card]

    def _place(self, watch: Watch) -> str:
        """The key of the active watch for a target in a thread."""
        return self._key("watching", watch.channel, watch.card or watch.thread or "", watch.target.key)

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)


def _with_change(changes: tuple[WatchCheck, ...], check: WatchCheck) -> tuple[WatchCheck, ...]:
    return (*changes[: MOST_CHANGES - 1], check)


def _needed_runs(watch: Watch) -> set[str]:
    """The runs under way, of the last check, and of the latest changes."""
    last = watch.last.run if watch.last is not None else ""
    return {watch.run, last, *(change.run for change in watch.changes[-RUNS_OF_CHANGES:])} - {""}
