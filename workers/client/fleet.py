"""The fleet's part of the client: schedules, digests, handoffs and mutes."""

from collections.abc import Sequence

from workers.client.stores import Stores
from workers.fleet.service import current_time
from workers.records.digest import Digest
from workers.records.gateway_state import GatewayState
from workers.records.handoff import Handoff, HandoffOrder
from workers.records.mute import Mute
from workers.records.schedule import Schedule


class FleetClient:
    """Scheduled and requested views of many gateways."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores

    def gateway_state(self, cluster: str, gateway: str) -> GatewayState | None:
        """The last known state of a gateway (`namespace/name`), None if it was never checked."""
        return self.stores.fleet.ledger.state(cluster, gateway)

    def checked_gateways(self, cluster: str) -> frozenset[str]:
        """`namespace/name` of the gateways of a cluster that have been checked."""
        return frozenset(self.stores.fleet.ledger.states(cluster))

    def schedules(self) -> tuple[Schedule, ...]:
        """The scheduled digests of the configuration and those that people added."""
        return self.stores.fleet.schedules.all(self.stores.config)

    def added_schedule(self, schedule_id: str) -> Schedule | None:
        """A schedule that a person added, or None."""
        return self.stores.fleet.schedules.find(schedule_id)

    def add_schedule(self, schedule: Schedule) -> None:
        """Adds a schedule.

        Raises BadRecurrence if the channel already has a digest at one of its times.
        """
        self.stores.fleet.schedules.add(schedule, self.stores.config, current_time())

    def remove_schedule(self, schedule_id: str) -> None:
        """Removes a schedule that a person added."""
        self.stores.fleet.schedules.remove(schedule_id)

    def stop_schedule(self, schedule_id: str, reason: str) -> None:
        """Suspends a schedule until it is added again."""
        self.stores.fleet.schedules.stop(schedule_id, reason)

    def request_digest(self, channel: str, user: str, clusters: Sequence[str], schedule: Schedule | None) -> None:
        """Requests a digest now, with the time zone and wording of a schedule if there is one."""
        self.stores.fleet.request_digest(channel, user, clusters, schedule, current_time())

    def digest(self, digest_id: str) -> Digest | None:
        """A digest, or None while its fleet check is under way."""
        return self.stores.fleet.digest(digest_id)

    def preview_handoff(self, order: HandoffOrder) -> Handoff:
        """The handoff that `hand_over` would post."""
        return self.stores.fleet.preview_handoff(order, self.stores.watches.active())

    def hand_over(self, order: HandoffOrder) -> None:
        """Makes a handoff, which the courier posts."""
        self.stores.fleet.hand_over(order, self.stores.watches.active())

    def handoff(self, handoff_id: str) -> Handoff | None:
        """A handoff and who has taken it, or None if it is unknown or too old."""
        return self.stores.fleet.handoff(handoff_id)

    def take_handoff(self, handoff_id: str, user: str) -> Handoff | None:
        """Makes a user the owner of everything open and watched in a handoff.

        The first user counts: `taken_by` of what is returned says who that is. None if the handoff is unknown or too
        old.
        """
        taken = self.stores.fleet.take_handoff(handoff_id, user, current_time())
        if taken is not None and taken.taken_by == user:
            for watch in taken.watching:
                self.stores.watches.give_to(watch.id, user)
                self.stores.documents.changed(f"watch/{watch.id}")
        return taken

    def mute(self, mute: Mute) -> None:
        """Leaves a fault of a gateway out of digests and handoffs until the mute ends."""
        self.stores.fleet.mute(mute)

    def unmute(self, cluster: str, gateway: str, check: str) -> bool:
        """Ends a mute early. False if there was none."""
        return self.stores.fleet.ledger.unmute(cluster, gateway, check)
