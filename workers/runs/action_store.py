"""Action records in Redis, each changed by compare-and-set of its whole document.

Keys (all under the prefix): `action:ID` is the record, `action-request:KEY` the action of a request, `open-actions` the actions
that have not ended or whose objects may still exist, `probes:CLUSTER` the results of probes of the last hour, and
`installation` the ID of the installation.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from redis import Redis

from checks.actions.plan import ActionKind, ActionPlan, PlanRefusal, RefusalKind
from checks.actions.results import ActionOutcome, ActionResult, refused_result
from checks.model.raw_values import Raw, moment
from checks.static_egress.probe_results import PROBE_VALID
from workers.records.action import ACTION_RECORD, ActionOrder, ActionRecord, ActionState, Approval
from workers.records.tried import refused_step
from workers.runs.cards import CardChange, Cards
from workers.runs.compare_and_set import Expected, Transitions, Write, until_applied
from workers.runs.documents import new_revision
from workers.runs.leases import Lease
from workers.runs.unreadable import UnreadableRecords

_REQUEST_KEPT = 3600
_SCHEDULED_KEPT = 3600
_MOST_PROBES = 100


class Actions:
    """All actions of one installation. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: timedelta = timedelta(days=30)) -> None:
        self._redis = redis
        self._prefix = prefix
        self._keep = int(keep.total_seconds())
        self._cards = Cards(redis, prefix, self._keep)
        self._transitions = Transitions(redis, prefix)
        self._unreadable = UnreadableRecords(redis, prefix)

    def accept(self, order: ActionOrder, needed: int) -> tuple[ActionRecord, bool]:
        """Accept a request as exactly one action; True for a repeated request."""
        return until_applied(lambda: self._accepted(order, needed))

    def _accepted(self, order: ActionOrder, needed: int) -> tuple[ActionRecord, bool] | None:
        action = ActionRecord(secrets.token_hex(6), order, ActionState.REQUESTED, _now(), needed)
        request = self._key("action-request", order.key)
        writes: list[Write] = [
            ("SET", request, action.id, "EX", _REQUEST_KEPT),
            *self._writes(action),
            ("ZADD", self._key("open-actions"), action.created.timestamp(), action.id),
        ]
        if self._transitions.apply([Expected(("GET", request), None)], writes):
            return action, False
        known = self.get(str(self._redis.get(request)))
        if known is None:
            # It has expired since, or cannot be read: a new action takes its place.
            self._redis.delete(request)
            return None
        return known, True

    def get(self, action_id: str) -> ActionRecord | None:
        """An action, or None if it is unknown, too old, or cannot be read."""
        return self._unreadable.read_one(f"action/{action_id}", lambda: self._stored(action_id), None)

    def _stored(self, action_id: str) -> ActionRecord | None:
        return _parsed(self._redis.get(self._key("action", action_id)))

    def active(self) -> tuple[ActionRecord, ...]:
        """The actions that have not ended, or whose objects may still exist, oldest first."""
        found: list[ActionRecord] = []
        names = (str(each) for each in self._redis.zrange(self._key("open-actions"), 0, -1))
        for name, action in self._unreadable.read_each("action", names, self._stored):
            if action is None or (action.state.ended and action.cleaned):
                self._redis.zrem(self._key("open-actions"), name)
            else:
                found.append(action)
        return tuple(found)

    def lease(self, action_id: str, seconds: float) -> Lease:
        """The lease by which one worker holds an action."""
        return Lease(self._transitions, self._key("action", action_id, "lease"), seconds)

    def is_leased(self, action_id: str) -> bool:
        """Whether a worker holds the action."""
        return bool(self._redis.exists(self._key("action", action_id, "lease")))

    def may_resend(self, action_id: str, seconds: float) -> bool:
        """Whether the action's task may be sent again; True at most once in so many seconds."""
        return bool(self._redis.set(self._key("action", action_id, "resent"), "1", nx=True, px=int(seconds * 1000)))

    def owner(self) -> str:
        """The owner label of this installation, by which its janitor finds what it created.

        Installations often have the same key prefix and release name, so it is an ID that is made once and kept in Redis.
        """
        key = self._key("installation")
        self._redis.set(key, secrets.token_hex(8), nx=True)
        return str(self._redis.get(key))

    # transitions

    def plan(self, action_id: str, plan: ActionPlan | PlanRefusal) -> ActionRecord | None:
        """Record the plan of a requested action, or the reason why there is none.

        None if it is not `requested` any more.
        """

        def change(found: ActionRecord) -> ActionRecord | None:
            if found.state is not ActionState.REQUESTED:
                return None
            if isinstance(plan, PlanRefusal):
                result = refused_result(plan, _now())
                return replace(
                    found, state=ActionState.REFUSED, problem=plan.sentence, result=result, ended=result.ended
                )
            state = ActionState.PLANNED if found.needed else ActionState.CONFIRMED
            return replace(found, state=state, plan=plan)

        return self._change(action_id, change)

    def approve(self, action_id: str, user: str, typed: str = "") -> ActionRecord | PlanRefusal:
        """Approve a plan as one person; with the last approval that is needed it is `confirmed`.

        Returns the refusal of a plan: it is too old, needs a name, is not `planned`, or this person has approved it already.
        """
        refusals: list[PlanRefusal] = []

        def change(found: ActionRecord) -> ActionRecord | None:
            if (refusal := _not_approvable(found, user, typed, _now())) is not None:
                refusals[:] = [refusal]
                return None
            approvals = (*found.approvals, Approval(user, _now()))
            confirmed = len(approvals) >= found.needed
            state = ActionState.CONFIRMED if confirmed else ActionState.PLANNED
            return replace(found, approvals=approvals, state=state)

        unknown = PlanRefusal(RefusalKind.NOT_CONFIRMED, "This action has expired or cannot be read; make a new one.")
        return self._change(action_id, change) or next(iter(refusals), unknown)

    def begin(self, action: ActionRecord) -> ActionRecord | None:
        """Record that a worker begins, or begins again.

        None if the action is neither confirmed nor running, or was confirmed too long ago.
        """

        def change(found: ActionRecord) -> ActionRecord | None:
            if found.state not in (ActionState.CONFIRMED, ActionState.RUNNING) or found.is_too_old(_now()):
                return None
            started, pods = found.started or _now(), found.order.kind is ActionKind.PROBE_POD
            return replace(
                found, state=ActionState.RUNNING, started=started, attempts=found.attempts + 1, cleaned=not pods
            )

        return self._change(action.id, change)

    def note_progress(self, action_id: str, sentence: str) -> None:
        """Add a sentence about a running action; the last 20 are kept."""

        def change(found: ActionRecord) -> ActionRecord | None:
            if found.state is not ActionState.RUNNING or found.progress[-1:] == (sentence,):
                return None
            return replace(found, progress=(*found.progress, sentence)[-20:])

        self._change(action_id, change)

    def finish(self, action_id: str, result: ActionResult) -> ActionRecord | None:
        """End a running action with its result, and keep the result of a probe.

        None if it had ended.
        """
        state = ActionState.REFUSED if result.outcome is ActionOutcome.REFUSED else ActionState.DONE

        def change(found: ActionRecord) -> ActionRecord | None:
            if found.state is not ActionState.RUNNING:
                return None
            problem = result.summary if state is ActionState.REFUSED else ""
            return replace(found, state=state, result=result, ended=_now(), problem=problem)

        ended = self._change(action_id, change)
        if ended is not None and result.probe is not None:
            self._keep_probe(ended.order.target.cluster, result.probe)
        return ended

    def fail(self, action_id: str, problem: str, error: str = "") -> ActionRecord | None:
        """End an action as failed. None if it had ended."""

        def change(found: ActionRecord) -> ActionRecord | None:
            if found.state.ended:
                return None
            return replace(found, state=ActionState.FAILED, problem=problem, error=error, ended=_now())

        return self._change(action_id, change)

    def cancel(self, action_id: str, user: str) -> ActionRecord | None:
        """End an action that no worker has begun. None if one has, or if it had ended."""

        def change(found: ActionRecord) -> ActionRecord | None:
            if found.state not in (ActionState.REQUESTED, ActionState.PLANNED, ActionState.CONFIRMED):
                return None
            return replace(found, state=ActionState.CANCELLED, cancelled_by=user, ended=_now())

        return self._change(action_id, change)

    def note_cleaned(self, action_id: str) -> None:
        """Record that nothing that the action created is left."""
        self._change(action_id, lambda found: None if found.cleaned else replace(found, cleaned=True))

    # results of probes

    def probe_results(self, cluster: str) -> tuple[Raw, ...]:
        """The results of the cluster's probes that still count, oldest first."""
        found: Sequence[Any] = self._redis.lrange(self._key("probes", cluster), 0, -1)
        entries: tuple[Raw, ...] = tuple(self._unreadable.read_values(f"probe/{cluster}", found, orjson.loads))
        return tuple(each for each in entries if (at := moment(each, "at")) is not None and _now() - at <= PROBE_VALID)

    def _keep_probe(self, cluster: str, entry: Raw) -> None:
        key = self._key("probes", cluster)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.rpush(key, orjson.dumps(dict(entry)))
            pipe.ltrim(key, -_MOST_PROBES, -1)
            pipe.expire(key, int(PROBE_VALID.total_seconds()))
            pipe.execute()

    def _change(self, action_id: str, change: Callable[[ActionRecord], ActionRecord | None]) -> ActionRecord | None:
        """Change a record.

        None if `change` returns None for the newest state, or the record does not exist.
        """
        key = self._key("action", action_id)

        def attempt() -> tuple[ActionRecord | None] | None:
            raw = self._redis.get(key)
            found = self._unreadable.read_one(f"action/{action_id}", lambda: _parsed(raw), None)
            changed = None if found is None else change(found)
            if found is None or changed is None:
                return (None,)
            card = self._card_after(found, changed)
            expected = [Expected(("GET", key), raw), *card.expected]
            return (changed,) if self._transitions.apply(expected, [*self._writes(changed), *card.writes]) else None

        return until_applied(attempt)[0]

    def _card_after(self, before: ActionRecord, after: ActionRecord) -> CardChange:
        """The change of the gateway's card by a step that has been refused or has failed."""
        tried = refused_step(after) if not before.state.ended else None
        if tried is None:
            return CardChange()
        return self._cards.after_step(after.order.channel, after.gateway, tried)

    def _writes(self, action: ActionRecord) -> list[Write]:
        key, value = self._key("action", action.id), ACTION_RECORD.dump_json(action)
        if action.order.scheduled is not None:
            return [("SET", key, value, "EX", _SCHEDULED_KEPT)]
        return [("SET", key, value, "EX", self._keep), *new_revision(self._prefix, f"action/{action.id}", self._keep)]

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)


def _parsed(raw: str | bytes | None) -> ActionRecord | None:
    return None if raw is None else ACTION_RECORD.validate_json(raw)


def _not_approvable(found: ActionRecord, user: str, typed: str, now: datetime) -> PlanRefusal | None:
    plan = found.plan
    if found.state is not ActionState.PLANNED or plan is None:
        return PlanRefusal(
            RefusalKind.NOT_CONFIRMED, f"This action is {found.state.value}; it cannot be confirmed now."
        )
    if now > plan.expires:
        return PlanRefusal(RefusalKind.EXPIRED, "The plan is older than 10 minutes; make a new one.")
    if any(each.user == user for each in found.approvals):
        return PlanRefusal(
            RefusalKind.NOT_CONFIRMED, "You have approved this plan; another person must approve it, too."
        )
    if plan.confirm_name and typed.strip() != plan.confirm_name:
        return PlanRefusal(RefusalKind.NAME_NOT_TYPED, f"Type {plan.confirm_name} to confirm this restart.")
    return None


def _now() -> datetime:
    return datetime.now(UTC)
