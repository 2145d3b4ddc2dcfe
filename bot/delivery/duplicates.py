"""Posts whose answer was lost, and their duplicates.

They are found by their metadata. A post can arrive after the courier gave up and posted again. Slack has no key against
double posts, so the channel or thread is searched for two more minutes, and every message but the recorded one is deleted.
"""

import logging
import time
from collections.abc import Mapping

from bot.slack.web_api import (
    ChannelRefused,
    MessageRefused,
    MissingScope,
    Posted,
    Slack,
    SlackRefusal,
)
from workers.client import Client, HeldDocument
from workers.records.delivered import Delivered

log = logging.getLogger(__name__)


CLOCK_TOLERANCE = 60.0
"""Seconds by which Slack's clock may differ from ours, for the search for a lost post."""

SEARCH_SECONDS = 120.0
"""Seconds after the last doubtful post during which duplicates of it are searched for."""

FIRST_SEARCH_SECONDS = 2.0
"""Seconds until the first search for duplicates; later ones are further apart."""

_PREFIX = "doubt/"


class Duplicates:
    """Finds lost posts and removes duplicates, with one Slack client."""

    def __init__(self, client: Client, slack: Slack) -> None:
        self.client = client
        self.slack = slack
        self._searched: dict[tuple[str, str], float] = {}

    def lost_post(
        self, held: HeldDocument, attempt: Delivered, thread: str | None, about: Mapping[str, str]
    ) -> Delivered | None:
        """The post whose answer was lost, if Slack shows it.

        A post that is not found may still arrive, as a duplicate of the next one.
        """
        doubt = self.client.deliveries.delivered(held.document).get(_PREFIX + attempt.slot)
        since = min(float(each.began) for each in (attempt, doubt) if each is not None)
        try:
            found = self.slack.find(attempt.channel, thread, about, f"{since:.6f}")
        except (MissingScope, ChannelRefused) as refused:
            log.warning("a message may be posted twice, because the search for the first post failed: %s", refused)
            return None
        except MessageRefused:
            return None
        if found:
            if len(found) > 1:
                self.doubt(held, attempt, thread, since=since)
            return Delivered(attempt.slot, found[0].channel, found[0].ts, "")
        self.doubt(held, attempt, thread, since=since)
        return None

    def doubt(self, held: HeldDocument, before: Delivered, thread: str | None, *, since: float) -> None:
        """Record that there may be a second message for this slot.

        It was posted after `since`, in seconds since 1970.
        """
        record = Delivered(_PREFIX + before.slot, before.channel, f"?{since:.6f}", f"{time.time():.6f}/{thread or ''}")
        self.client.deliveries.note_delivered(held.document, record)

    def remove(self, held: HeldDocument) -> float | None:
        """Remove the duplicates of a delivered document.

        Returns the seconds until the next search, or None. Raises SlackRefusal.
        """
        delivered = self.client.deliveries.delivered(held.document)
        doubts = [each for slot, each in delivered.items() if slot.startswith(_PREFIX)]
        waits = [self._remove(held, each, delivered.get(each.slot.removeprefix(_PREFIX))) for each in doubts]
        return min((wait for wait in waits if wait is not None), default=None)

    def _remove(self, held: HeldDocument, doubt: Delivered, kept: Delivered | None) -> float | None:
        at, _, thread = doubt.digest.partition("/")
        key, age = (held.document, doubt.slot), time.time() - float(at)
        wait = max(FIRST_SEARCH_SECONDS, age / 2)
        due = self._searched.get(key, time.monotonic() - age) + wait - time.monotonic()
        if due > 0 and age < SEARCH_SECONDS:
            return due
        held.renew()
        about = {"document": held.document, "slot": doubt.slot.removeprefix(_PREFIX)}
        try:
            found = self.slack.find(doubt.channel, thread or None, about, doubt.began)
        except (MissingScope, ChannelRefused, MessageRefused) as refused:
            log.warning("duplicates of %s in %s cannot be searched for: %s", doubt.slot, held.document, refused)
            age, found = SEARCH_SECONDS, []
        for each in found:
            if kept is None or (not kept.unanswered and each.ts != kept.ts):
                self._delete(held, each)
        self._searched[key] = time.monotonic()
        if age < SEARCH_SECONDS:
            return wait
        self._searched.pop(key, None)
        self.client.deliveries.forget_delivered(held.document, doubt.slot)
        return None

    def _delete(self, held: HeldDocument, where: Posted) -> None:
        held.renew()
        try:
            self.slack.delete(where)
            log.info("a second post of %s at %s was removed", held.document, where.ts)
        except SlackRefusal as refused:
            log.warning("a second post of %s at %s stays: %s", held.document, where.ts, refused)
