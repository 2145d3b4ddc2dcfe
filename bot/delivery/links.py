"""Links to the threads of runs."""

import logging

from bot.slack.web_api import MessageDeleted, Posted, Slack, SlackRefusal
from workers.client import Client

log = logging.getLogger(__name__)


def thread_link(client: Client, slack: Slack, run_id: str, channel: str) -> str:
    """The permalink of the thread of a run in this channel.

    Empty if the run is in another channel, or Slack does not show it or refuses.

    Raises Unavailable.
    """
    parent = client.deliveries.parent(run_id)
    if parent is None or parent.channel != channel:
        return ""
    try:
        return slack.permalink(Posted(parent.channel, parent.ts))
    except SlackRefusal as refused:
        log.info("no permalink for run %s: %s", run_id, refused)
        return ""


def card_link(client: Client, slack: Slack, head: str) -> str:
    """The permalink of the parent message of a run that heads a thread.

    Empty if it is not posted yet, if Slack refuses, or if it was deleted: the courier then posts it again.

    Raises Unavailable.
    """
    parent = client.deliveries.parent(head)
    if parent is None:
        return ""
    try:
        return slack.permalink(Posted(parent.channel, parent.ts))
    except MessageDeleted:
        log.info("the parent message of run %s was deleted", head)
        client.cards.note_deleted(head, parent)
    except SlackRefusal as refused:
        log.info("no permalink for run %s: %s", head, refused)
    return ""
