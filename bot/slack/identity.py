"""A background check of the bot token: while Slack is down the bot runs but is not ready."""

import logging
import threading

from bot.slack.web_api import Slack, SlackRefusal, TemporaryRefusal

log = logging.getLogger(__name__)

_RETRY_SECONDS = 5.0
"""Seconds between two attempts while Slack does not answer or refuses the token."""

_CONFIRM_SECONDS = 60.0
"""Seconds after which an accepted token is checked again."""


class Identity:
    """The last answer of Slack about the token; `problem` is empty while Slack accepts it."""

    def __init__(self, slack: Slack, retry_seconds: float = _RETRY_SECONDS) -> None:
        self.slack = slack
        self._retry_seconds = retry_seconds
        self.problem = "SLACK_BOT_TOKEN is not checked yet"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._check, name="identity", daemon=True)

    def start(self) -> None:
        """Check the token now, and repeatedly until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """End the checks."""
        self._over.set()

    def _check(self) -> None:
        while True:
            try:
                name = self.slack.auth().user
                if self.problem:
                    log.info("Slack accepts the token of bot %s", name)
                self.problem = ""
            except SlackRefusal as refused:
                down = isinstance(refused, TemporaryRefusal)
                problem = f"Slack does not {'answer' if down else 'accept SLACK_BOT_TOKEN'}: {refused}"
                if self.problem != problem:
                    log.error(problem)  # noqa: TRY400 - no traceback
                self.problem = problem
            if self._over.wait(self._retry_seconds if self.problem else _CONFIRM_SECONDS):
                return
