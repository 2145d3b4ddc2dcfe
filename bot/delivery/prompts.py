"""Questions about a result as prompts of Slack's assistant view."""

import logging

from bot.delivery.differences import Destination
from bot.messages.thread_answers import question_prompts
from bot.slack.web_api import Posted, Slack, SlackRefusal, TemporaryRefusal
from workers.client import HeldDocument
from workers.records.delivered import Delivered
from workers.records.run import Run

log = logging.getLogger(__name__)

_SLOT = "elsewhere/prompts"


def suggest_questions(slack: Slack, held: HeldDocument, thread: Destination, run: Run) -> None:
    """Show the prompts of a result once.

    A refusal is only logged, because the questions work without prompts. A temporary one is not noted: the next change of the
    thread tries again.
    """
    if thread.thread is None or _SLOT in held.deliveries().slots:
        return
    held.renew()
    try:
        slack.suggest(Posted(thread.channel, thread.thread), "Ask about this check", question_prompts(run))
    except TemporaryRefusal as refused:
        log.info("no prompts for run %s: %s", run.id, refused)
        return
    except SlackRefusal as refused:
        log.warning("no prompts for run %s: %s", run.id, refused)
    held.note(Delivered(_SLOT, thread.channel, "0", ""))
