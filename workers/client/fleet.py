"""Digests and handoffs: their schedules, takeovers and mutes."""

from collections.abc import Sequence

from workers.client.stores import Stores
from workers.fleet.service import current_time
from workers.records.handoff import Handoff, HandoffOrder
from workers.records.mute import Mute


class FleetClient:
    """Changes what digests and handoffs contain, and when they are posted."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def stop_schedule(self, schedule_id: str, reason: str) -> None:
        """Suspend a schedule until it is added again."""
        self._stores.fleet.schedules.stop(schedule_id, reason)

    def preview_handoff(self, order: HandoffOrder) -> Handoff:
        """The handoff that a request with this order would post."""
        return self._stores.fleet.handoffs.preview(order, self._stores.watches.active())

    def take_handoff(self, handoff_id: str, user: str, groups: Sequence[str] = ()) -> Handoff | None:
        """Make a user the owner of everything open and watched in a handoff.

        `groups` are the user's groups of the access rules. The first user counts: `taken_by` of what is returned says who
        that is. None if the handoff is unknown or too old.
        """
        taken = self._stores.fleet.handoffs.take(handoff_id, user, current_time())
        if taken is not None and taken.taken_by == user:
            for watch in taken.watching:
                self._stores.watches.give_to(watch.id, user, groups)
                if (given := self._stores.watches.get(watch.id)) is not None:
                    self._stores.watch_changed(given)
        return taken

    def mute(self, mute: Mute) -> None:
        """Leave a fault of a gateway out of digests and handoffs until the mute ends."""
        self._stores.fleet.ledger.mute(mute)

    def unmute(self, cluster: str, gateway: str, check: str) -> bool:
        """End a mute early. False if there was none."""
        return self._stores.fleet.ledger.unmute(cluster, gateway, check)
