"""Cards in Redis: one for each question about a gateway and channel.

Keys (all under the prefix): `cards:CLUSTER` is a hash of cards by channel and question. The field `card` of a run that
heads a thread names the card that its parent message shows.

A card is changed in the transition of the fact that it shows: the end of a run, a fleet check, an owner. The functions that
return a `CardChange` make its expectations and writes, for the caller's transition.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from redis import Redis

from checks.model.findings import Report, Verdict
from workers.records.card import CARD_JSON, Card, OwnedBy, ReportedResult, card_key
from workers.records.gateway_state import GatewayCheck
from workers.records.run import Run, Target
from workers.records.tried import TriedStep, with_tried
from workers.runs.bounded import surplus_fields
from workers.runs.card_changes import (
    SeenCheck,
    after_check,
    after_owner,
    after_removal,
    comparison,
    is_shown_at_once,
    seen_elsewhere,
    seen_run,
)
from workers.runs.compare_and_set import Expected, Write
from workers.runs.documents import new_revision
from workers.runs.unreadable import UnreadableRecords

MOST_CARDS = 2000
"""Cards of a cluster that are kept; those without activity are removed first."""


_Raw = str | bytes | None
"""A card as it is stored."""


@dataclass(slots=True)
class CardChange:
    """The part of a transition that changes cards."""

    expected: list[Expected] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    """The documents that are due by it."""
    run_fields: dict[str, str] = field(default_factory=dict)
    """The fields of the run that makes it."""

    def add(self, other: "CardChange") -> None:
        """Make another change in the same transition."""
        self.expected += other.expected
        self.writes += other.writes
        self.documents += other.documents


class Cards:
    """All cards. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = keep
        self._unreadable = UnreadableRecords(redis, prefix)

    # reading

    def find(self, channel: str, target: Target) -> Card | None:
        """The card of a question in a channel.

        None if there is none, if the name of the gateway matches several, or if its message is of an expired run.
        """
        wanted = (target.host or "", target.client or "")
        name = f"{target.namespace}/{target.gateway}".lower()
        found = [
            card
            for _, card in self._cards(target.cluster, f"{channel}|")
            if (card.host or "", card.client or "") == wanted
            and (card.gateway if target.namespace else f"None/{card.target.gateway}").lower() == name
        ]
        return found[0] if len(found) == 1 and self._is_kept(found[0].run) else None

    def _is_kept(self, run_id: str) -> bool:
        return bool(self.redis.exists(f"{self.prefix}run:{run_id}"))

    def of_run(self, run: Run) -> Card | None:
        """The card that the parent message of a run shows, or the one that has taken its place."""
        if not run.card:
            return None
        return self._read(run.order.target.cluster, run.card)[1]

    def _cards(self, cluster: str, beginning: str = "") -> Iterator[tuple[_Raw, Card]]:
        """Each card of a cluster as it is stored, for the comparison, and as a record."""
        stored = self.redis.hgetall(self._key(cluster))
        mine = {str(key): raw for key, raw in stored.items() if str(key).startswith(beginning)}
        for key, card in self._unreadable.read_fields(f"card/{cluster}", mine, CARD_JSON.validate_json):
            yield mine[key], card

    def _read(self, cluster: str, key: str) -> tuple[_Raw, Card | None]:
        """One card as it is stored, and as a record."""
        raw = self.redis.hget(self._key(cluster), key)
        if raw is None:
            return None, None
        found = self._unreadable.read_fields(f"card/{cluster}", {key: raw}, CARD_JSON.validate_json)
        return raw, next((card for _, card in found), None)

    # changes

    def after_run(self, run: Run, report: Report, at: datetime) -> CardChange:
        """The change by a run that ends: the card of its question, which it may open."""
        target = run.order.target
        gateway = f"{report.namespace}/{report.gateway}"
        key = card_key(run.order.channel, gateway, target.host, target.client)
        raw, card = self._read(target.cluster, key)
        if card is not None and not self._is_kept(card.run):
            # The run whose parent message was the card has expired: the message shows nothing new any more.
            card = None
        change = CardChange([Expected(("HGET", self._key(target.cluster), key), raw)])
        check = seen_run(run, report, at)
        head = self._head(run, report.verdict)
        healthy = check.verdict is Verdict.HEALTHY
        if card is not None and (card.is_current(at) or card.run == head or (healthy and card.open)):
            after = after_check(card, check)
            change.run_fields |= comparison(card, after)
            if after is not card:
                self._write(change, after, shown=is_shown_at_once(card, after, of_watch=check.of_watch))
        elif head and not healthy and not self._heads_another(head, key):
            card = self._opened(run, gateway, head, check, card)
            self._write(change, card)
            change.writes += self._surplus(card)
            if card.earlier:
                self._show(change, card.earlier)
        if card is not None and head and (card.run == head or not healthy) and not self._heads_another(head, key):
            named = f"{self.prefix}run:{head}"
            change.expected.append(Expected(("EXISTS", named), 1))
            change.writes.append(("HSET", named, "card", key))
        return change

    def _head(self, run: Run, verdict: Verdict) -> str:
        """The run whose parent message heads the thread; empty if no message of a run does.

        A watch without a card is quiet until a check does not pass: that check opens the card.
        """
        if run.order.card and self._is_kept(run.order.card):
            return run.order.card
        passed = verdict in (Verdict.HEALTHY, Verdict.DEGRADED)
        return "" if run.order.watch and passed else run.id

    def _heads_another(self, head: str, key: str) -> bool:
        """Whether the parent message of a run is the card of another question."""
        named = self.redis.hget(f"{self.prefix}run:{head}", "card")
        return named is not None and str(named) != key

    def _opened(self, run: Run, gateway: str, head: str, check: SeenCheck, before: Card | None) -> Card:
        target = run.order.target
        return Card(
            cluster=target.cluster,
            gateway=gateway,
            channel=run.order.channel,
            run=head,
            latest=run.id,
            verdict=check.verdict,
            began=check.began,
            at=check.at,
            active=check.at,
            worst=check.verdict,
            causes=check.causes,
            was=check.causes,
            certain=check.verdict if check.verdict is not Verdict.INCONCLUSIVE else None,
            certain_at=check.at if check.verdict is not Verdict.INCONCLUSIVE else None,
            earlier=before.run if before is not None and before.run != head else "",
            host=target.host,
            client=target.client,
            tried=with_tried((), check.tried),
            reported=ReportedResult(check.verdict, check.causes, 1),
        )

    def after_checks(self, cluster: str, checks: Sequence[GatewayCheck]) -> CardChange:
        """The change by a fleet check, or by runs in other channels.

        Only cards that are open, or had activity within a day, follow. Those that a run of their channel has changed
        already stay the same.
        """
        change = CardChange()
        by_gateway = {check.gateway: check for check in checks}
        for raw, card in self._cards(cluster) if by_gateway else ():
            check = by_gateway.get(card.gateway)
            if check is None or card.host or card.client or check.by == card.latest:
                continue
            if not card.open and not card.is_current(check.at):
                continue
            after = after_check(card, seen_elsewhere(check))
            if after is not card:
                # An unchanged result is shown on cards that someone follows.
                shown = after.verdict is not card.verdict or after.causes != card.causes or card.is_current(check.at)
                self._replace(change, raw, after, shown=shown)
        return change

    def after_removal(self, cluster: str, gateways: Collection[str], at: datetime) -> CardChange:
        """The change by a check that found that gateways of a cluster no longer exist."""
        change = CardChange()
        for raw, card in self._cards(cluster) if gateways else ():
            after = after_removal(card, at) if card.gateway in gateways else card
            if after is not card and (card.open or card.is_current(at)):
                self._replace(change, raw, after)
        return change

    def after_owner(
        self, cluster: str, gateway: str, user: str, owner: str, before: str, by: OwnedBy, at: datetime
    ) -> CardChange:
        """The change by a user who takes or releases the ownership: on every card of the gateway."""
        change = CardChange()
        for raw, card in self._cards(cluster):
            if card.gateway == gateway and (card.open or card.is_current(at)):
                self._replace(change, raw, after_owner(card, user, owner, before, by, at))
        return change

    def after_step(self, channel: str, target: Target, tried: TriedStep) -> CardChange:
        """The change of the gateway's open card by an active step that was not carried out."""
        change = CardChange()
        card = self.find(channel, target)
        raw, now = self._read(card.cluster, card.key) if card is not None else (None, None)
        if now is not None and now.open:
            self._replace(change, raw, replace(now, tried=with_tried(now.tried, tried)))
        return change

    def shown_again(self, head: str) -> list[Write]:
        """The writes that make the card of a thread due, because its watch has changed."""
        return new_revision(self.prefix, f"run/{head}", self.keep) if head else []

    def _replace(self, change: CardChange, raw: _Raw, after: Card, *, shown: bool = True) -> None:
        change.expected.append(Expected(("HGET", self._key(after.cluster), after.key), raw))
        self._write(change, after, shown=shown)

    def _write(self, change: CardChange, card: Card, *, shown: bool = True) -> None:
        key = self._key(card.cluster)
        change.writes += [("HSET", key, card.key, CARD_JSON.dump_json(card)), ("EXPIRE", key, self.keep)]
        if shown:
            self._show(change, card.run)

    def _show(self, change: CardChange, head: str) -> None:
        change.writes += self.shown_again(head)
        change.documents.append(f"run/{head}")

    def _surplus(self, card: Card) -> list[Write]:
        """The removal of the oldest cards of a cluster that has too many."""
        key = self._key(card.cluster)
        if self.redis.hlen(key) < MOST_CARDS:
            return []
        times = {each.key: each.active.timestamp() for _, each in self._cards(card.cluster)}
        return [("HDEL", key, each) for each in surplus_fields(times, card.key, MOST_CARDS)]

    def _key(self, cluster: str) -> str:
        return f"{self.prefix}cards:{cluster}"
