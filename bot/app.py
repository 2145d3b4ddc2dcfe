"""The bot's application: Slack Bolt with the listeners."""

import hashlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from slack_bolt import App, BoltContext, BoltResponse
from slack_bolt.authorization import AuthorizeResult

from bot.access.groups import Groups
from bot.fleet.fleet_listeners import register_fleet
from bot.interactions.handler import InteractionHandler
from bot.listeners.actions import register_actions
from bot.listeners.active_steps import register_step_forms
from bot.listeners.assistant import register_assistant
from bot.listeners.forms import register_forms
from bot.listeners.home import register_home
from bot.listeners.mentions import register_mentions
from bot.listeners.slash_command import register_commands
from bot.listeners.workflow_steps import register_workflow_steps
from bot.messages import answers
from bot.slack.metrics import INTERNAL_ERRORS
from bot.slack.settings import SlackSettings
from bot.slack.web_api import Slack, SlackRefusal
from checks.config.configuration import Config
from workers.client import Client

log = logging.getLogger(__name__)


def make_bolt(settings: SlackSettings, config: Config, client: Client) -> App:
    """Bolt with our listeners. It starts also while Slack does not answer."""
    slack = Slack(settings, timeout=2)
    token = settings.slack_bot_token.get_secret_value()

    def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=token)

    app = App(
        signing_secret=settings.slack_signing_secret.get_secret_value() or "unused in socket mode",
        client=slack.client,
        authorize=authorize,
        request_verification_enabled=not settings.socket_mode,
        process_before_response=False,
        # A listener occupies a thread until it has answered; with Bolt's default of five threads, bursts of commands time out.
        listener_executor=ThreadPoolExecutor(32, thread_name_prefix="listener"),
    )
    handler = InteractionHandler(config, client, slack, Groups(slack.group_members))
    for register in (
        register_commands,
        register_actions,
        register_forms,
        register_step_forms,
        register_mentions,
        register_home,
        register_fleet,
        register_workflow_steps,
        register_assistant,
    ):
        register(app, handler)

    @app.error
    def broke(error: Exception, body: dict[str, Any], context: BoltContext) -> BoltResponse:
        """Answer an internal error with a token that is also in the log."""
        token_ = hashlib.sha256(f"{type(error).__name__} {error} {time.time()}".encode()).hexdigest()[:8]
        INTERNAL_ERRORS.inc()
        log.error("error %s", token_, exc_info=error)
        message = answers.internal_error(token_)
        url = str(body.get("response_url", ""))
        if url and context.get("acknowledged"):
            try:
                slack.respond(url, message.text, message.blocks)
            except SlackRefusal as refused:
                log.warning("error %s: no reply to the user: %s", token_, refused)
        return BoltResponse(
            status=200,
            body={"response_type": "ephemeral", "text": message.text} if "command" in body else "",
        )

    return app
