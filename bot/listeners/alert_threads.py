"""A mention in a reply under an alert's message: the check that the message is about.

Source: docs/slack.md#under-an-alert.
"""

import logging

from bot.grammar.alert_text import AlertNames, alert_names
from bot.grammar.commands import AskHere, Diagnose, Mistake, OpenForm, StopHere, ThreadCommand, ThreadQuestion
from bot.grammar.words import without_command
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.messages import answers
from bot.messages.blocks import Message
from bot.slack.web_api import SlackRefusal

log = logging.getLogger(__name__)

_MOST_CHOICES = 5


def under_alert(
    handler: InteractionHandler, text: str, word: ThreadCommand | None, interaction: Interaction
) -> AlertNames | None:
    """The names in the mention, and in the message that its thread is under.

    None outside a thread, if the mention is a command of its own, or if neither names anything.
    """
    if interaction.thread is None or isinstance(word, StopHere) or word == AskHere(ThreadQuestion.THANKS):
        return None
    typed = without_command(text)
    if word is None and not isinstance(handler.parsed(typed, interaction), Mistake | OpenForm):
        return None
    try:
        above = handler.slack.head_text(interaction.channel, interaction.thread)
    except SlackRefusal as refused:
        log.warning("the message above a mention was not read: %s", refused)
        return None
    clusters = handler.known_clusters(interaction)
    found = alert_names(
        (typed, above),
        handler.config,
        clusters,
        lambda cluster: handler.known_gateways(interaction, cluster),
    )
    return found if found.any else None


def start_under_alert(handler: InteractionHandler, names: AlertNames, interaction: Interaction) -> Message | None:
    """Start the check in the thread, or offer the names that are missing."""
    if (target := names.target) is not None:
        return handler.diagnose(Diagnose(target), interaction)
    tail = f" --host {names.host}" if names.host else ""
    if not names.cluster:
        clusters = names.clusters or tuple(handler.known_clusters(interaction))
        offered = [" ".join(part for part in (each, names.gateway) if part) + tail for each in clusters]
        return answers.mistake(Mistake("Which cluster is this message about?", tuple(offered[:_MOST_CHOICES])))
    gateways = names.gateways or tuple(handler.known_gateways(interaction, names.cluster))
    if not gateways:
        handler.client.gateways.refresh(names.cluster)
        example = f"`@egress-diag {names.cluster} [<namespace>/]<gateway>{tail}`"
        return answers.mistake(Mistake(f"Which gateway on {names.cluster} is this message about? {example}"))
    offered = [f"{names.cluster} {each}{tail}" for each in gateways]
    return answers.mistake(
        Mistake(f"Which gateway on {names.cluster} is this message about?", tuple(offered[:_MOST_CHOICES]))
    )
