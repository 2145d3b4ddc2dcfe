"""Run records in Redis: accepted once, appended to idempotently, ended once.

A worker holds a run by a lease.

Keys (all under the prefix): `run:ID` is the record, `run:ID:findings` and `run:ID:order` are its findings and their
order, `request:KEY` is the run of a request, `active:TARGET` is the active run of a target, `active` are all runs
that have not ended.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter
from redis import Redis

from checks.model.findings import Finding, Report
from checks.reports.document import FINDINGS, REPORT
from workers.records.beginnings import FirstSeen
from workers.records.history import REMARK_JSON, Remark
from workers.records.run import ORDER_JSON, RUN_RECORD, Accepted, Order, Run, RunState
from workers.runs.cards import CardChange, Cards
from workers.runs.compare_and_set import Expected, Transitions, Write, until_applied
from workers.runs.documents import new_revision
from workers.runs.leases import Lease
from workers.runs.packed import pack, unpack
from workers.runs.unreadable import UnreadableRecords
from workers.telemetry.metrics import RUN_SECONDS, RUNS

_CHOICES_JSON: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])

_FIRST_SEEN_JSON = TypeAdapter(tuple[FirstSeen, ...])

_REQUEST_KEPT = timedelta(hours=1)
"""The time for which a request's key is remembered; Slack repeats within minutes."""

MOST_REMARKS = 50
"""Comments on a run that are kept, the latest ones."""

REMARKED_KEPT = 365 * 86400
"""Seconds for which a run is kept that a user has called wrong."""

_ACCEPT = """
local known = redis.call('GET', KEYS[1])
if known then return {known, 'repeated'} end
local going = redis.call('GET', KEYS[2])
if going and redis.call('HEXISTS', ARGV[6] .. going, 'ended') == 0 and redis.call('EXISTS', ARGV[6] .. going) == 1 then
  redis.call('SET', KEYS[1], going, 'EX', ARGV[4])
  redis.call('SADD', ARGV[6] .. going .. ':joined', ARGV[5])
  redis.call('EXPIRE', ARGV[6] .. going .. ':joined', ARGV[7])
  return {going, 'joined'}
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[4])
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[7])
redis.call('HSET', KEYS[3], 'order', ARGV[2], 'state', 'queued', 'created', ARGV[3])
redis.call('EXPIRE', KEYS[3], ARGV[7])
redis.call('ZADD', KEYS[4], ARGV[8], ARGV[1])
return {ARGV[1], 'new'}
"""

_APPEND = """
if redis.call('HEXISTS', KEYS[1], 'ended') == 1 or redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) == 1 then redis.call('RPUSH', KEYS[3], ARGV[1]) end
redis.call('EXPIRE', KEYS[2], ARGV[3])
redis.call('EXPIRE', KEYS[3], ARGV[3])
return 1
"""


class Runs:
    """All runs of one installation. Every method may raise `connection.Unavailable`."""

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        keep: timedelta = timedelta(days=30),
        keep_evidence: timedelta = timedelta(days=7),
    ) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = int(keep.total_seconds())
        self.keep_evidence = int(keep_evidence.total_seconds())
        self._accept = redis.register_script(_ACCEPT)
        self._transitions = Transitions(redis, prefix)
        self._append = redis.register_script(_APPEND)
        self._unreadable = UnreadableRecords(redis, prefix)
        self.cards = Cards(redis, prefix, self.keep)

    # requests

    def accept(self, order: Order) -> Accepted:
        """Accept a request as exactly one run.

        A repeated request gets the run that it had. A second user's request for the same target joins the active run.
        Otherwise, or if that run cannot be read, a new record is made in state `queued`.
        """
        return until_applied(lambda: self._accepted(order))

    def _accepted(self, order: Order) -> Accepted | None:
        run_id = secrets.token_hex(6)
        now = datetime.now(UTC)
        found, how = self._accept(
            keys=[
                self._key("request", order.key),
                self._key("active", order.lane),
                self._key("run", run_id),
                self._key("active"),
            ],
            args=[
                run_id,
                ORDER_JSON.dump_json(order),
                now.isoformat(),
                int(_REQUEST_KEPT.total_seconds()),
                order.user,
                self._key("run", ""),
                self.keep,
                now.timestamp(),
            ],
        )
        run = self.get(str(found))
        if run is None:
            # It has expired since, or cannot be read: a new run takes its place.
            self.redis.delete(self._key("request", order.key), self._key("active", order.lane))
            return None
        return Accepted(run, joined=how == "joined", repeated=how == "repeated")

    # reading

    def get(self, run_id: str) -> Run | None:
        """A run, or None if it is unknown, too old, or cannot be read."""
        return self._unreadable.read_one(f"run/{run_id}", lambda: self._stored(run_id), None)

    def _stored(self, run_id: str) -> Run | None:
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._key("run", run_id))
            pipe.lrange(self._key("run", run_id, "order"), 0, -1)
            pipe.hgetall(self._key("run", run_id, "findings"))
            pipe.smembers(self._key("run", run_id, "joined"))
            record, order, findings, joined = pipe.execute()
        if not record.get("order"):
            return None
        report = REPORT.validate_json(unpack(record["report"])) if record.get("report") else None
        found = [each for slug in order for each in FINDINGS.validate_json(findings.get(slug, "[]"))]
        return RUN_RECORD.validate_python(
            {
                **record,
                "id": run_id,
                "order": ORDER_JSON.validate_json(record["order"]),
                "findings": report.findings if report is not None else found,
                "report": report,
                "choices": _CHOICES_JSON.validate_json(record.get("choices", "[]")),
                "first_seen": _FIRST_SEEN_JSON.validate_json(record.get("first_seen", "[]")),
                "joined": sorted(joined),
            }
        )

    def active(self) -> tuple[Run, ...]:
        """All runs that have not ended, oldest first."""
        ids = (str(each) for each in self.redis.zrange(self._key("active"), 0, -1))
        found: list[Run] = []
        for run_id, run in self._unreadable.read_each("run", ids, self._stored):
            if run is None or run.state.ended:
                self.redis.zrem(self._key("active"), run_id)
            else:
                found.append(run)
        return tuple(found)

    # carrying out

    def lease(self, run_id: str, seconds: float) -> Lease:
        """The lease by which one worker holds a run: acquire it, and keep it while working."""
        return Lease(self._transitions, self._key("run", run_id, "lease"), seconds)

    def is_leased(self, run_id: str) -> bool:
        """Whether a worker holds the run."""
        return bool(self.redis.exists(self._key("run", run_id, "lease")))

    def may_resend(self, run_id: str, seconds: float) -> bool:
        """Whether the run's task may be sent again; True at most once in so many seconds."""
        return bool(self.redis.set(self._key("run", run_id, "resent"), "1", nx=True, px=int(seconds * 900)))

    def begin(self, run: Run, total: int, lease: Lease) -> int | None:
        """Record that the holder of the lease has taken the run up. Returns the number of attempts.

        None if the run has ended since it was read, or another worker holds it.
        """
        key, attempts = self._key("run", run.id), run.attempts + 1
        expected = [
            *self._not_ended(run.id),
            Expected(("HGET", key, "attempts"), run.attempts or None),
            lease.held_by_me,
        ]
        writes: list[Write] = [
            ("HSET", key, "state", RunState.RUNNING.value, "total", total, "attempts", attempts),
            ("HSETNX", key, "started", datetime.now(UTC).isoformat()),
        ]
        return attempts if self._transitions.apply(expected, writes) else None

    def note_failure(self, run: Run, failure: str, token: str) -> bool:
        """Record that an attempt failed, with the token of its log record.

        False if the run has ended.
        """
        write = ("HSET", self._key("run", run.id), "failure", failure, "error", token)
        return self._transitions.apply(self._not_ended(run.id), [write])

    def append(self, run_id: str, check: str, findings: Iterable[Finding]) -> bool:
        """Add a check's findings; adding the same check again replaces them in place.

        False once the run has ended.
        """
        return bool(
            self._append(
                keys=[
                    self._key("run", run_id),
                    self._key("run", run_id, "findings"),
                    self._key("run", run_id, "order"),
                ],
                args=[check, FINDINGS.dump_json(tuple(findings)), self.keep_evidence],
            )
        )

    def finish(self, run: Run, report: Report, first_seen: tuple[FirstSeen, ...] = ()) -> bool:
        """End the run with its report and its known faults, and change its card.

        False if it had already ended.
        """
        fields: dict[str, str | bytes] = {"state": RunState.DONE.value, "report": pack(REPORT.dump_json(report))}
        if first_seen:
            fields["first_seen"] = _FIRST_SEEN_JSON.dump_json(first_seen)
        seen = replace(run, first_seen=first_seen)
        ended = self._ended(run, report.verdict.value, lambda now: self.cards.after_run(seen, report, now), **fields)
        if ended:
            # The report contains the findings.
            self.redis.delete(self._key("run", run.id, "findings"), self._key("run", run.id, "order"))
        return ended

    def refuse(self, run: Run, problem: str, choices: Iterable[str] = (), *, gone: bool = False) -> bool:
        """End the run because its question cannot be answered as asked.

        `gone`: its gateway no longer exists.
        """
        target = run.order.target
        names = [f"{target.namespace}/{target.gateway}"] if gone else []
        return self._ended(
            run,
            "refused",
            lambda now: self.cards.after_removal(target.cluster, names, now),
            state=RunState.REFUSED.value,
            problem=problem,
            choices=_CHOICES_JSON.dump_json(tuple(choices)).decode(),
        )

    def refuse_privately(self, run: Run, problem: str, choices: Iterable[str]) -> bool:
        """End the run because its command is wrong, which concerns only its users.

        They get the choices as commands.
        """
        return self._ended(
            run,
            "refused",
            state=RunState.REFUSED.value,
            problem=problem,
            choices=_CHOICES_JSON.dump_json(tuple(choices)).decode(),
            private="1",
        )

    def fail(self, run: Run, problem: str, error: str) -> bool:
        """End the run as failed, with a token that is also in the log."""
        return self._ended(run, "failed", state=RunState.FAILED.value, problem=problem, error=error)

    def cancel(self, run: Run, user: str) -> bool:
        """End the run for a user; the worker that holds it notices within a second."""
        return self._ended(run, "cancelled", state=RunState.CANCELLED.value, cancelled_by=user)

    def open_card(self, run: Run, head: str) -> bool:
        """Open the card of a run that has ended, in the thread that `head` heads.

        False if it changes no card.
        """
        if run.report is None or run.ended is None:
            return False
        order, report, ended = replace(run.order, card=head), run.report, run.ended

        def attempt() -> bool | None:
            card = self.cards.after_run(replace(run, order=order), report, ended)
            if not card.writes:
                return False
            return self._transitions.apply(card.expected, card.writes) or None

        return until_applied(attempt)

    def note_repeat(self, run_id: str, later: str) -> None:
        """Record the later run that repeats this one."""
        if (run := self.get(run_id)) is not None:
            self._note(run, "later", later)

    def remark(self, run: Run, user: str, comment: str) -> bool:
        """Keep the run, its findings and a user's comment for a year.

        The comment is for the maintainers of the checks. False if the run has expired.
        """
        remarks = self._key("run", run.id, "remarks")
        remark = REMARK_JSON.dump_json(Remark(datetime.now(UTC), user, comment))
        writes: list[Write] = [
            ("RPUSH", remarks, remark),
            ("LTRIM", remarks, -MOST_REMARKS, -1),
            *(
                ("EXPIRE", self._key("run", run.id, *part), REMARKED_KEPT, "GT")
                for part in ((), ("findings",), ("order",))
            ),
            ("EXPIRE", remarks, REMARKED_KEPT),
        ]
        return self._transitions.apply([Expected(("EXISTS", self._key("run", run.id)), 1)], writes)

    def discard(self, run_id: str) -> bool:
        """Delete a run that has ended. False if a user has commented on it: it is kept."""
        uncommented = Expected(("EXISTS", self._key("run", run_id, "remarks")), 0)
        parts = ((), ("findings",), ("order",), ("joined",))
        return self._transitions.apply([uncommented], [("DEL", self._key("run", run_id, *part)) for part in parts])

    def remarks(self, run_id: str) -> tuple[Remark, ...]:
        """The comments on a run, oldest first."""
        found = self.redis.lrange(self._key("run", run_id, "remarks"), 0, -1)
        return tuple(self._unreadable.read_values(f"remark/{run_id}", found, REMARK_JSON.validate_json))

    def _note(self, run: Run, field: str, value: str) -> None:
        key = self._key("run", run.id)
        self._transitions.apply([Expected(("EXISTS", key), 1)], [("HSET", key, field, value)])

    def _ended(
        self,
        run: Run,
        outcome: str,
        change: Callable[[datetime], CardChange] = lambda _: CardChange(),
        **fields: str | bytes,
    ) -> bool:
        key = self._key("run", run.id)
        pairs = [part for pair in fields.items() for part in pair]

        def attempt() -> tuple[bool, datetime] | None:
            # Read in each attempt: a check that ends after another one is the newer one for its card.
            now = datetime.now(UTC)
            card = change(now)
            compared = [part for pair in card.run_fields.items() for part in pair]
            writes: list[Write] = [
                ("HSET", key, "ended", now.isoformat(), *pairs, *compared),
                ("ZREM", self._key("active"), run.id),
                *self._shown_again(run),
                *card.writes,
            ]
            if self._transitions.apply([*self._not_ended(run.id), *card.expected], writes):
                return True, now
            # Either the run has ended, or its card has changed in between.
            return None if self._is_active(run.id) else (False, now)

        applied, ended = until_applied(attempt)
        if not applied:
            return False
        RUNS.labels(run.order.target.cluster, outcome).inc()
        RUN_SECONDS.observe((ended - run.created).total_seconds())
        lane = self._key("active", run.order.lane)
        self._transitions.apply([Expected(("GET", lane), run.id)], [("DEL", lane)])
        return True

    def _is_active(self, run_id: str) -> bool:
        key = self._key("run", run_id)
        return bool(self.redis.exists(key)) and not self.redis.hexists(key, "ended")

    def _shown_again(self, run: Run) -> list[Write]:
        """The new revision of the run's document; runs of a watch are not shown on their own."""
        return [] if run.order.watch else new_revision(self.prefix, f"run/{run.id}", self.keep)

    def _not_ended(self, run_id: str) -> list[Expected]:
        key = self._key("run", run_id)
        return [Expected(("EXISTS", key), 1), Expected(("HEXISTS", key, "ended"), 0)]

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)
