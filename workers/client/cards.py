"""Cards: what the parent message of an incident shows, and who owns it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from workers.client.stores import Stores
from workers.fleet.service import current_time
from workers.records.card import Card, OwnedBy
from workers.records.delivered import Delivered
from workers.records.present import PresentState
from workers.records.run import Run, Target
from workers.records.watch import Watch
from workers.runs.present_states import present_state


@dataclass(frozen=True, slots=True)
class ShownCard:
    """A card with what other records say about it.

    `latest` is the last run in its channel with a report, `owner` the owner of the incident, `watch` its active watch.
    Those of a card that has taken the place of another message are not read.
    """

    card: Card
    latest: Run | None = None
    owner: str = ""
    watch: Watch | None = None


class CardClient:
    """Reads and changes the incidents of gateways. A gateway's name is `namespace/name`."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def shown(self, run: Run) -> ShownCard | None:
        """The card that the parent message of a run shows, or that has taken its place."""
        card = self._stores.cards.of_run(run)
        if card is None or card.run != run.id:
            return ShownCard(card) if card is not None else None
        owner = self._stores.fleet.owners.owner(card.cluster, card.gateway)
        return ShownCard(card, self._stores.runs.get(card.latest), owner, self._watch_of(card))

    def present(self, run: Run, *, gateway: bool = False) -> PresentState | None:
        """The newest result of the question of a run; None if no check has one.

        `gateway`: of its gateway, if the question is about a host.
        """
        target = replace(run.order.target, host=None, client=None) if gateway else run.order.target
        if run.report is not None:
            target = replace(target, gateway=run.report.gateway, namespace=run.report.namespace)
        card = self._stores.cards.find(run.order.channel, target)
        latest = self._stores.runs.get(card.latest) if card is not None and card.latest != run.id else None
        name = card.gateway if card is not None else f"{target.namespace}/{target.gateway}"
        return present_state(target, run, latest, card, self._stores.fleet.ledger.state(target.cluster, name))

    def head_of(self, run: Run) -> str:
        """The run whose parent message heads the thread of this one."""
        return self._stores.head_of(run)

    def owners(self, cluster: str) -> dict[str, str]:
        """The owner of the current or last incident of each gateway of a cluster."""
        return self._stores.fleet.owners.current(cluster)

    def change_owner(
        self, cluster: str, gateway: str, user: str, by: OwnedBy, *, release: bool = False, run: str = ""
    ) -> None:
        """Make a user the owner of a gateway's incident, or end its ownership."""
        owners = self._stores.fleet.owners
        if release:
            self._show(owners.release(cluster, gateway, user, by, current_time()))
        else:
            self._show(owners.take(cluster, gateway, user, by, current_time(), run))

    def _show(self, documents: Sequence[str]) -> None:
        for document in documents:
            self._stores.documents.changed(document)

    def _watch_of(self, card: Card) -> Watch | None:
        """The active watch of a card's gateway in its channel."""
        thread = self.thread_of(card.run)
        return self._stores.watches.find(card.channel, (card.run, thread or "", ""), _names_of(card.target))

    def thread_of(self, head: str) -> str | None:
        """The thread that the parent message of a run heads, or is in; None if it is not posted."""
        run = self._stores.runs.get(head)
        if run is not None and run.order.thread is not None:
            return run.order.thread
        parent = self._stores.documents.deliveries(f"run/{head}").parent
        return parent.ts if parent is not None else None

    def thread_of_incident(self, channel: str, target: Target) -> str | None:
        """The thread of the card that a gateway has in a channel; None without one."""
        card = self._stores.cards.find(channel, target)
        return self.thread_of(card.run) if card is not None and card.is_current(current_time()) else None

    def is_awaited(self, head: str) -> bool:
        """Whether the parent message of a run is not posted yet, and will be."""
        waits = self.thread_of(head) is None and self._stores.documents.is_due(f"run/{head}")
        return waits and self._stores.runs.get(head) is not None

    def note_deleted(self, head: str, parent: Delivered) -> None:
        """Let the courier post a card again, because its message was deleted.

        The new one links to the thread of the deleted one. A card that another courier holds is left to it.
        """
        with self._stores.documents.hold(f"run/{head}") as held:
            if held is not None and held.deliveries().parent == parent:
                held.note_replaced(parent)
        self._stores.documents.changed(f"run/{head}")

    def begin_watch(
        self,
        target: Target,
        user: str,
        channel: str,
        thread: str | None,
        span: timedelta,
        groups: Sequence[str] = (),
        head: str = "",
    ) -> tuple[Watch, bool]:
        """Begin a watch in the thread of the gateway's card, else in the given one.

        True with one that was active.

        `head` is the run whose parent message heads that thread.
        """
        card = self._stores.cards.find(channel, target)
        names = _names_of(target)
        if card is not None and card.is_current(current_time()):
            target, head, thread = card.target, card.run, self.thread_of(card.run)
            names = _names_of(card.target)
        places = (head, thread or "", "") if card is not None else (head, thread or "")
        if (known := self._stores.watches.find(channel, places, names)) is not None:
            return known, True
        watch, joined = self._stores.watches.begin(target, user, channel, thread, span, groups, head)
        self._show((f"watch/{watch.id}", *((f"run/{head}",) if head else ())))
        return watch, joined


def _names_of(target: Target) -> tuple[Target, ...]:
    """The target as a watch may have it: with the namespace, and as it was typed without."""
    return (target, Target(target.cluster, target.gateway, None, target.host, target.client))
