"""Delivery of digests and handoffs, with their pictures and unavailable channels."""

import logging
from dataclasses import replace

from bot.courier.handoff_canvases import HandoffCanvases
from bot.delivery.differences import Destination
from bot.delivery.links import thread_link
from bot.delivery.private_messages import send_privately
from bot.delivery.thread import Thread
from bot.fleet import digest_messages as digests
from bot.fleet import handoff_messages as handoffs
from bot.fleet.digest_picture import digest_alt_text, digest_picture
from bot.messages.blocks import Message, fallback, fitting, plain, prose, raw, section
from bot.slack.web_api import ChannelUnavailable, RateLimited, Slack, SlackRefusal, TokenRevoked, Unreachable
from workers.client import Client, HeldDocument
from workers.records.delivered import Delivered
from workers.records.digest import Digest, GatewayLine, Unchecked
from workers.records.handoff import Handoff
from workers.records.schedule import Schedule

log = logging.getLogger(__name__)


class FleetDocuments:
    """Delivers digests and handoffs with one Slack client.

    The methods return the seconds until the next attempt, or None.
    """

    def __init__(self, client: Client, slack: Slack, thread: Thread) -> None:
        self.client = client
        self.slack = slack
        self.thread = thread
        self.canvases = HandoffCanvases(client, slack)

    def digest(self, held: HeldDocument, digest_id: str) -> float | None:
        """Deliver a digest. Raises SlackRefusal."""
        found = self.client.get(Digest, digest_id)
        if found is None:
            return None
        place = Destination(found.order.channel, None)
        # The message in the channel comes first: an upload that fails must not delay it.
        if "parent" not in held.deliveries().slots:
            self.thread.show(held, place, digests.digest_messages(found))
        image = self._picture(held, found)
        return self.thread.show(held, place, digests.digest_messages(found, image, digest_alt_text(found)))

    def _picture(self, held: HeldDocument, found: Digest) -> str:
        """The id of the uploaded picture; empty without rows, or without permission to upload."""
        if there := held.picture_id():
            return there
        drawn = digest_picture(found)
        if not drawn:
            return ""
        held.renew()
        try:
            name = f"egress-gateways-{found.at:%Y-%m-%d}.png"
            file_id = self.slack.upload(None, None, name, "The last 14 days", drawn, alt=digest_alt_text(found))
        except (RateLimited, TokenRevoked, Unreachable):
            raise
        except SlackRefusal as refused:
            log.warning("digest %s is posted without its picture: %s", found.order.id, refused)
            return ""
        held.note_picture(found.order.channel, file_id)
        return file_id

    def inform_of_digest(self, held: HeldDocument, digest_id: str, refused: SlackRefusal) -> None:
        """Inform the person who added the schedule; stop it if its channel is not accessible."""
        found = self.client.get(Digest, digest_id)
        if found is None:
            return
        order = found.order
        log.error("digest %s cannot be posted in %s: %s", order.id, order.channel, refused)
        stops = isinstance(refused, ChannelUnavailable)
        if stops and order.schedule:
            self.client.fleet.stop_schedule(
                order.schedule, f"the channel is archived or not accessible ({refused.code})"
            )
        schedule = self.client.get(Schedule, order.schedule)
        user = order.user or (schedule.user if schedule is not None else "")
        if user and "elsewhere" not in held.deliveries().slots:
            notice = _undelivered(found, f"{refused.fix}; the digest is stopped" if stops else refused.fix)
            send_privately(self.slack, user, order.channel, "", notice, renew=held.renew)
            held.note(Delivered("elsewhere", user, "0", ""))

    def handoff(self, held: HeldDocument, handoff_id: str) -> float | None:
        """Deliver a handoff. Raises SlackRefusal."""
        found = self.client.get(Handoff, handoff_id)
        if found is None:
            return None
        shift, links = self._owned(found), self._links(found)
        shown = handoffs.handoff_messages(shift, links, self.canvases.link(held, shift, links))
        return self.thread.show(held, Destination(found.order.channel, None), shown)

    def _owned(self, found: Handoff) -> Handoff:
        """The handoff with the present owners of its gateways."""
        clusters = {line.cluster for line in (*found.owned, *found.warned)} | {line.cluster for line in found.unchecked}
        owners = {cluster: self.client.cards.owners(cluster) for cluster in clusters}

        def owned(line: GatewayLine) -> GatewayLine:
            return replace(line, owner=owners[line.cluster].get(line.gateway, ""))

        def unchecked(line: Unchecked) -> Unchecked:
            known = owners[line.cluster]
            return replace(line, owners={each: known[each] for each in line.gateways if known.get(each)})

        return replace(
            found,
            unchecked=tuple(map(unchecked, found.unchecked)),
            open=tuple(map(owned, found.open)),
            starting=tuple(map(owned, found.starting)),
            warned=tuple(map(owned, found.warned)),
        )

    def inform_of_handoff(self, held: HeldDocument, handoff_id: str, refused: SlackRefusal) -> None:
        """Send a handoff that cannot be posted to its author."""
        found = self.client.get(Handoff, handoff_id)
        if found is None:
            return
        log.error("handoff %s cannot be posted in %s: %s", handoff_id, found.order.channel, refused)
        if "elsewhere" not in held.deliveries().slots:
            message = handoffs.handoff_messages(found, {})[0]
            send_privately(self.slack, found.order.user, found.order.channel, "", message, renew=held.renew)
            held.note(Delivered("elsewhere", found.order.user, "0", ""))

    def _links(self, found: Handoff) -> dict[str, str]:
        """The threads of the last runs that are in the channel of the handoff."""
        channel = found.order.channel
        links = {name: thread_link(self.client, self.slack, run, channel) for name, run in (found.links or {}).items()}
        return {name: link for name, link in links.items() if link}


def _undelivered(found: Digest, fix: str) -> Message:
    words = digests.digest_headline(found)
    notice = raw(f"A digest could not be posted in <#{found.order.channel}>: {prose(fix)}.\n{plain(words)}")
    return Message(
        "elsewhere", fallback(f"A digest could not be posted: {words}"), fitting([section(notice)]), thread=False
    )
