"""The App Home, published each time a person opens it."""

import logging
from datetime import UTC, datetime
from typing import Any

from slack_bolt import App

from bot.access.rules import Requester, granting_rules, groups_needed, visible_anywhere
from bot.interactions.handler import InteractionHandler
from bot.messages.home import BotHealth, Overview, home_view
from bot.slack.web_api import SlackRefusal
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
    """The content of a person's App Home: only clusters that they may diagnose."""
    now = datetime.now(UTC)
    requester = Requester(user, "", handler.groups.of(user, groups_needed(handler.config)))
    rules, clusters = granting_rules(handler.config, requester), visible_anywhere(handler.config, requester)
    try:
        state = handler.client.installation(clusters)
        runs = [run for run in state.runs if run.order.target.cluster in clusters]
        waiting = [(now - run.created).total_seconds() for run in runs if run.state is RunState.QUEUED]
        running = state.processes
        return Overview(
            now,
            [run for run in runs if not run.order.watch],
            sorted(state.verdicts, key=lambda found: (found.cluster, found.namespace, found.gateway)),
            state.owners,
            [watch for watch in state.watches if watch.user == user],
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
