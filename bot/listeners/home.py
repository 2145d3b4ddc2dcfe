"""The App Home, published each time a person opens it."""

import logging
import re
from datetime import UTC, datetime
from typing import Any

from slack_bolt import Ack, App, BoltContext

from bot.access.home_permissions import HomePermissions
from bot.access.rules import denial_reason, granting_rules, groups_needed
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.interactions.presses import interaction_of
from bot.messages import answers
from bot.messages.blocks import Message
from bot.messages.home import RELEASE_INCIDENT, TAKE_INCIDENT, BotHealth, Overview, home_view
from bot.messages.interaction_values import IncidentValue
from bot.slack.web_api import SlackRefusal
from checks.config.access_rules import Requester
from workers.client import Unavailable, redis_problem
from workers.records.run import RunState

log = logging.getLogger(__name__)


def register_home(app: App, handler: InteractionHandler) -> None:
    """Register the listener for an opened App Home."""

    @app.action(re.compile(rf"^({TAKE_INCIDENT}|{RELEASE_INCIDENT})(/.*)?$"))
    def pressed(ack: Ack, body: dict[str, Any], action: dict[str, Any], context: BoltContext) -> None:
        ack()
        context["acknowledged"] = True
        interaction, value = interaction_of(body, action), str(action.get("value", ""))
        name = str(action.get("action_id", "")).split("/", 1)[0]
        handler.once(
            interaction,
            f"press {name}",
            value,
            lambda: change_owner(handler, value, interaction, release=name == RELEASE_INCIDENT),
        )
        show_home(handler, interaction.user)

    @app.event("app_home_opened")
    def opened(event: dict[str, Any]) -> None:
        if event.get("tab", "home") == "home":
            show_home(handler, str(event.get("user", "")))


def change_owner(handler: InteractionHandler, value: str, interaction: Interaction, *, release: bool) -> Message | None:
    """Make the person the owner of a gateway's incident, or end its ownership."""
    incident = IncidentValue.decode(value)
    cluster, gateway = incident.cluster, incident.gateway
    requester = handler.requester(interaction)
    channels = handler.client.conversations.channels_of(interaction.user)
    if not HomePermissions(handler.config, requester, channels).includes_gateway(cluster, gateway):
        return answers.access_denied(denial_reason(handler.config, "diagnose", "this gateway"))
    handler.client.cards.change_owner(cluster, gateway, interaction.user, "home", release=release)
    return None


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
            user=user,
        )
    except Unavailable as error:
        return Overview(
            now,
            rules=rules,
            checkup=handler.checkup.lines if rules else (),
            problem=f"Redis {redis_problem(error)}. Runs, gateways and watches are not shown.",
        )
