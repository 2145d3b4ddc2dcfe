"""The listener for Slack's assistant view: what a new thread offers as prompts.

The courier replaces them by questions about the result, once the thread has one. Typed text and prompts are direct messages.

Source: docs/slack.md#assistant-view.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from slack_bolt import App

from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.slack.web_api import Posted, SlackRefusal
from workers.client import Unavailable
from workers.records.run import Target

log = logging.getLogger(__name__)

MOST_PROMPTS = 4
"""Prompts that Slack shows in a thread."""

_ALWAYS = ({"title": "List clusters", "message": "list"}, {"title": "Help", "message": "help"})


def register_assistant(app: App, handler: InteractionHandler) -> None:
    """Register the listener for new threads of the assistant view."""

    @app.event("assistant_thread_started")
    def started(event: dict[str, Any], body: dict[str, Any]) -> None:
        thread = event["assistant_thread"]
        interaction = Interaction(
            user=str(thread["user_id"]),
            channel=str(thread["channel_id"]),
            team=str(body.get("team_id", "")),
            key=f"assistant/{thread['channel_id']}/{thread['thread_ts']}",
            thread=str(thread["thread_ts"]),
        )
        viewed = str((thread.get("context") or {}).get("channel_id") or "")
        offer_prompts(handler, interaction, viewed)


def offer_prompts(handler: InteractionHandler, interaction: Interaction, viewed: str) -> None:
    """Show the first prompts of a thread.

    `viewed` is the channel that the person views, if any.
    """
    prompts: list[dict[str, str]] = []
    try:
        handler.client.conversations.remember_assistant_thread(interaction.channel, interaction.thread or "")
        prompts += _checks(handler, interaction, viewed)
    except Unavailable as error:
        log.warning("prompts without the last checks: %s", type(error).__name__)
    try:
        shown = [*prompts, *_ALWAYS][:MOST_PROMPTS]
        handler.slack.suggest(Posted(interaction.channel, interaction.thread or ""), "Check a gateway", shown)
    except SlackRefusal as refused:
        log.warning("no prompts for %s: %s", interaction.user, refused)


def _checks(handler: InteractionHandler, interaction: Interaction, viewed: str) -> Iterator[dict[str, str]]:
    """The last checks here and in the viewed channel that the person may repeat here.

    Raises Unavailable.
    """
    places = dict.fromkeys(each for each in (viewed, interaction.channel) if each)
    targets = (handler.last_target(replace(interaction, channel=place)) for place in places)
    for target in dict.fromkeys(each for each in targets if each is not None):
        if handler.access(interaction, target.cluster, target.gateway).allowed:
            yield _prompt(target)


def _prompt(target: Target) -> dict[str, str]:
    host = f" --host {target.host}" if target.host else ""
    client = f" --from {target.client}" if target.client else ""
    name = f"{target.gateway} on {target.cluster}"
    return {
        "title": f"Check {name}{f' for {target.host}' if target.host else ''}",
        "message": f"{target}{host}{client}",
    }
