"""Whether Slack takes the bot's token, asked in the background: a bot starts while Slack is down, and says so."""

import logging
import threading

from bot.slack.client import Slack, SlackRefusal

log = logging.getLogger(__name__)

_RETRY_SECONDS = 5.0
"""Seconds between two tries while Slack does not answer or refuses the token."""

_CONFIRM_SECONDS = 60.0
"""Seconds after which a token that was taken is tried again."""


class Identity:
    """What Slack last said about the token: `problem` is empty while it takes it."""

    def __init__(self, slack: Slack) -> None:
        self.slack = slack
        self.problem = "not asked yet"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="identity", daemon=True)

    def start(self) -> None:
        """Asks now, and from time to time until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Asks no more."""
        self._over.set()

    def _ask(self) -> None:
        while True:
            try:
                name = self.slack.auth().get("user", "")
                if self.problem:
                    log.info("Slack knows this bot as %s", name)
                self.problem = ""
            except SlackRefusal as refused:
                if self.problem != str(refused):
                    log.error("Slack does not take SLACK_BOT_TOKEN: %s", refused)  # noqa: TRY400 - no traceback
                self.problem = str(refused)
            if self._over.wait(_RETRY_SECONDS if self.problem else _CONFIRM_SECONDS):
                return
