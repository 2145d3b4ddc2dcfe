"""The messages of alerts in Slack, which Alertmanager's own receiver posts."""

import logging
import time
from collections.abc import Sequence

from bot.grammar.alert_text import is_about
from bot.listeners.alert_payloads import ReceivedAlert
from bot.slack.web_api import Slack, SlackRefusal
from checks.config.configuration import Config
from workers.records.run import Target

log = logging.getLogger(__name__)

_AGE_SECONDS = 600.0
"""Seconds before a notification in which the message of its alert is searched for."""

_WAITS = (0.4, 1.1)
"""Seconds before the second and the third search.

Alertmanager posts to Slack and to this bot at the same time.
"""


class AlertMessages:
    """Finds the messages of the alerts of one notification.

    It reads each channel at most three times.
    """

    def __init__(self, config: Config, slack: Slack | None) -> None:
        self._config = config
        self._slack = slack
        self._read: dict[str, Sequence[tuple[str, str]]] = {}
        self._waits = iter(_WAITS)
        self._unreadable = False

    def find(self, channel: str, target: Target, alerts: Sequence[ReceivedAlert]) -> str | None:
        """The newest message of another app about the gateway and one of the alerts."""
        if self._slack is None:
            return None
        found = self._find(channel, target, alerts)
        while found is None and not self._unreadable and (wait := next(self._waits, None)) is not None:
            time.sleep(wait)
            self._read.pop(channel, None)
            found = self._find(channel, target, alerts)
        return found

    def _find(self, channel: str, target: Target, alerts: Sequence[ReceivedAlert]) -> str | None:
        if channel not in self._read:
            self._read[channel] = self._recent(channel)
        labels = [value for each in alerts for value in each.labels.values()]
        for ts, text in self._read[channel]:
            if any(each.name in text for each in alerts) and is_about(text, self._config, target, labels):
                return ts
        return None

    def _recent(self, channel: str) -> Sequence[tuple[str, str]]:
        assert self._slack is not None  # noqa: S101 - find has checked it
        try:
            return self._slack.recent_of_apps(channel, f"{time.time() - _AGE_SECONDS:.6f}")
        except SlackRefusal as refused:
            # Without the history scope, no later search finds it.
            log.info("the messages of alerts in %s were not read: %s", channel, refused)
            self._unreadable = True
            return ()
