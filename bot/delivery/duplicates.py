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
from workers.client import HeldDocument
from workers.records.delivered import Delivered, DoubtfulPost, PostAttempt, Recorded

log = logging.getLogger(__name__)


CLOCK_TOLERANCE = 60.0
"""Seconds by which Slack's clock may differ from ours, for the search for a lost post."""

SEARCH_SECONDS = 120.0
"""Seconds after the last doubtful post during which duplicates of it are searched for."""

FIRST_SEARCH_SECONDS = 2.0
"""Seconds until the first search for duplicates; later ones are further apart."""


class Duplicates:
    """Finds lost posts and removes duplicates, with one Slack client."""

    def __init__(self, slack: Slack) -> None:
        self.slack = slack
        self._searched: dict[tuple[str, str], float] = {}

    def lost_post(
        self, held: HeldDocument, attempt: PostAttempt, thread: str | None, about: Mapping[str, str]
    ) -> Delivered | None:
        """The post whose answer was lost, if Slack shows it.

        A post that is not found may still arrive, as a duplicate of the next one.
        """
        doubt = held.deliveries().doubts.get(attempt.slot)
        since = min(attempt.began, doubt.since if doubt is not None else attempt.began)
        try:
            found = self.slack.find(attempt.channel, thread, about, f"{since:.6f}")
        except (MissingScope, ChannelRefused) as refused:
            log.warning("a message may be posted twice, because the search for the first post failed: %s", refused)
            return None
        except MessageRefused:
            return None
        if len(found) != 1:
            self.doubt(held, attempt, thread, since=since)
        return Delivered(attempt.slot, found[0].channel, found[0].ts, "") if found else None

    def doubt(self, held: HeldDocument, before: Recorded, thread: str | None, *, since: float) -> None:
        """Record that there may be a second message for this slot.

        It was posted after `since`, in seconds since 1970.
        """
        held.note(DoubtfulPost(before.slot, before.channel, thread, since, time.time()))

    def remove(self, held: HeldDocument) -> float | None:
        """Remove the duplicates of a delivered document.

        Returns the seconds until the next search, or None. Raises SlackRefusal.
        """
        delivered = held.deliveries()
        waits = [self._remove(held, doubt, delivered.slots.get(slot)) for slot, doubt in delivered.doubts.items()]
        return min((wait for wait in waits if wait is not None), default=None)

    def _remove(self, held: HeldDocument, doubt: DoubtfulPost, kept: Recorded | None) -> float | None:
        key, age = (held.document, doubt.slot), time.time() - doubt.noted
        wait = max(FIRST_SEARCH_SECONDS, age / 2)
        due = self._searched.get(key, time.monotonic() - age) + wait - time.monotonic()
        if due > 0 and age < SEARCH_SECONDS:
            return due
        held.renew()
        about = {"document": held.document, "slot": doubt.slot}
        try:
            found = self.slack.find(doubt.channel, doubt.thread, about, f"{doubt.since:.6f}")
        except (MissingScope, ChannelRefused, MessageRefused) as refused:
            log.warning("duplicates of %s in %s cannot be searched for: %s", doubt.slot, held.document, refused)
            age, found = SEARCH_SECONDS, []
        for each in found:
            if kept is None or (isinstance(kept, Delivered) and each.ts != kept.ts):
                self._delete(held, each)
        self._searched[key] = time.monotonic()
        if age < SEARCH_SECONDS:
            return wait
        self._searched.pop(key, None)
        held.forget_doubt(doubt.slot)
        return None

    def _delete(self, held: HeldDocument, where: Posted) -> None:
        held.renew()
        try:
            self.slack.delete(where)
            log.info("a second post of %s at %s was removed", held.document, where.ts)
        except SlackRefusal as refused:
            log.warning("a second post of %s at %s stays: %s", held.document, where.ts, refused)
