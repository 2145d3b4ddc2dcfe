"""The App Home, published each time a person opens it."""

import logging
from datetime import UTC, datetime
from typing import Any

from slack_bolt import App

from bot.access.home_permissions import HomePermissions
from bot.access.rules import granting_rules, groups_needed
from bot.interactions.handler import InteractionHandler
from bot.messages.home import BotHealth, Overview, home_view
from bot.slack.web_api import SlackRefusal
from checks.config.access_rules import Requester
from workers.client import Unavailable, redis_problem
from workers.records.run import RunState

log = logging.getLogger(__name__)


def register_home(app: App, handler: InteractionHandler) -> None:
    """Register the listener for an opened App Home."""

    @app.event("app_home_opened")
    def opened(event: dict[str, Any]) -> None:
        if event.get("tab", "home") == "home":
            show_home(handler, str(event.get("user", "")))


def show_home(handler: InteractionHandler, user: str) -> None:
    """Publish a person's App Home, and again once the results of `doctor` are newer."""
    try:
        handler.slack.publish_home(user, home_view(overview(handler, user)))
        if handler.checkup.refresh():
            handler.slack.publish_home(user, home_view(overview(handler, user)))
    except SlackRefusal as refused:
        log.warning("the App Home of %s could not be published: %s", user, refused)


def overview(handler: InteractionHandler, user: str) -> Overview:
    """The content of a person's App Home: only gateways and runs that they may see."""
    now = datetime.now(UTC)
    requester = Requester(user, "", tuple(handler.groups.of(user, groups_needed(handler.config))))
    rules = granting_rules(handler.config, requester)
    try:
        permissions = HomePermissions(handler.config, requester, handler.client.conversations.channels_of(user))
        state = handler.client.installation(permissions.clusters())
        runs = [run for run in state.runs if permissions.includes_run(run)]
        waiting = [(now - run.created).total_seconds() for run in runs if run.state is RunState.QUEUED]
        running = state.processes
        return Overview(
            now,
            [run for run in runs if not run.order.watch],
            sorted(
                (found for found in state.verdicts if permissions.includes_gateway(found.cluster, found.gateway)),
                key=lambda found: (found.cluster, found.namespace, found.gateway),
            ),
            state.owners,
            [watch for watch in state.watches if permissions.includes_watch(watch)],
            rules,
            BotHealth(
                running["worker"], running["beat"], running["courier"], max(waiting, default=None), state.undelivered
            ),
            handler.checkup.lines if rules else (),
        )
    except Unavailable as error:
        return Overview(
            now,
            rules=rules,
            checkup=handler.checkup.lines if rules else (),
            problem=f"Redis {redis_problem(error)}. Runs, gateways and watches are not shown.",
        )
