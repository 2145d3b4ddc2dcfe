"""The listener for alerts: one check for each incident of a gateway.

The answer is in the channel that the configuration names. The access rules apply to the user `alerts`.

Source: docs/contract.md#alerts.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from bot.access.rules import check_access, is_visible
from bot.listeners.alert_messages import AlertMessages
from bot.listeners.alert_payloads import MalformedNotification, ReceivedAlert, read_notification
from bot.slack.metrics import ALERTS
from bot.slack.web_api import Slack
from checks.config.access_rules import Requester
from checks.config.alert_configuration import ALERT_USER, MissingLabels
from checks.config.configuration import Config
from checks.model.question import BadQuestion, parse_gateway_name
from workers.client import AuditEntry, Client, Unavailable, redis_problem
from workers.client.alerts import AlertOutcome, TooManyStarts
from workers.records.run import Target

log = logging.getLogger(__name__)

_LOGGED = 5
"""Refused gateways and alerts of a notification that the log names."""


class _Unusable(Exception):
    """An alert that starts nothing: the label of the metric, and the reason."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


@dataclass(slots=True)
class _Answer:
    """The answer to a notification while it is made.

    The reasons are keys with the number of their alerts or gateways.
    """

    accepted: list[dict[str, str]] = field(default_factory=list)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    later: Counter[str] = field(default_factory=Counter)

    @property
    def status(self) -> int:
        """503 if Alertmanager has to send the notification again."""
        if self.later:
            return 503
        if self.accepted:
            return 200
        return 403 if {outcome for outcome, _ in self.refused} == {"refused"} else 422

    @property
    def text(self) -> str:
        """The answer as JSON."""
        reasons = [
            *({"reason": reason, "alerts": count} for (_, reason), count in self.refused.most_common()),
            *({"reason": reason, "gateways": count} for reason, count in self.later.most_common()),
        ]
        return orjson.dumps({"accepted": self.accepted, "not_accepted": reasons}).decode()


class AlertIntake:
    """Answers notifications of Alertmanager."""

    def __init__(self, config: Config, client: Client, slack: Slack | None = None) -> None:
        self.config = config
        self.client = client
        self.slack = slack

    def answer(self, body: bytes) -> tuple[int, str]:
        """The status and the text of the answer to the body of a request whose token was verified."""
        try:
            notification = read_notification(body)
        except MalformedNotification as wrong:
            ALERTS.labels("malformed").inc()
            log.warning("a notification was refused: %s", wrong)
            return 400, f"{wrong}\n"
        answer = _Answer()
        messages = AlertMessages(self.config, self.slack)
        by_gateway = self._by_gateway(notification.alerts, notification.receiver, answer)
        for number, ((channel, target), alerts) in enumerate(by_gateway.items()):
            try:
                self._notify(channel, target, alerts, answer, messages)
            except Unavailable as error:
                # Each further attempt would wait for Redis again.
                answer.later[f"the queue (Redis) {redis_problem(error)}"] += len(by_gateway) - number
                ALERTS.labels("unavailable").inc()
                break
        problems = [*(reason for _, reason in answer.refused), *answer.later]
        if problems:
            log.warning("alerts were not accepted: %s", "; ".join(problems[:_LOGGED]))
        return answer.status, f"{answer.text}\n"

    def _by_gateway(
        self, alerts: Iterable[ReceivedAlert], receiver: str, answer: _Answer
    ) -> Mapping[tuple[str, Target], Sequence[ReceivedAlert]]:
        """The alerts by the channel and the gateway that the configuration gives them."""
        found: dict[tuple[str, Target], list[ReceivedAlert]] = {}
        for alert in alerts:
            try:
                found.setdefault(self._place(alert, receiver), []).append(alert)
            except _Unusable as unusable:
                answer.refused[(unusable.outcome, unusable.reason)] += 1
                ALERTS.labels(unusable.outcome).inc()
        return found

    def _place(self, alert: ReceivedAlert, receiver: str) -> tuple[str, Target]:
        """The channel and the gateway of an alert. Raises _Unusable."""
        entry = next((each for each in self.config.alerts if each.matches(alert.labels)), None)
        if entry is None:
            sent_by = f" of receiver {receiver[:100]!a}" if receiver else ""
            raise _Unusable("unmatched", f"no entry of `alerts` matches {alert.name!a}{sent_by}")
        try:
            typed, name = entry.names(alert.labels)
            gateway = parse_gateway_name(name)
        except (MissingLabels, BadQuestion) as wrong:
            raise _Unusable("no_gateway", f"{alert.name!a} names no gateway: {wrong}") from None
        cluster = self.config.named_exactly(typed)
        requester = Requester(ALERT_USER, entry.channel)
        if cluster is None or not is_visible(self.config, requester, cluster.name):
            # A cluster that the rules hide from alerts is not confirmed to their sender.
            words = f"{alert.name!a} names no cluster that the user `{ALERT_USER}` may check: {typed[:100]!a}"
            raise _Unusable("no_gateway", words)
        target = Target(cluster.name, gateway.name, gateway.namespace)
        if not check_access(self.config, requester, "diagnose", target.cluster, target.gateway).allowed:
            raise _Unusable(
                "refused", f"no access rule lets the user `{ALERT_USER}` check {target} in channel {entry.channel}"
            )
        return entry.channel, target

    def _notify(
        self,
        channel: str,
        target: Target,
        alerts: Sequence[ReceivedAlert],
        answer: _Answer,
        messages: AlertMessages,
    ) -> None:
        """Answer the alerts of one gateway. Raises Unavailable."""
        now = datetime.now(UTC)
        names = list(dict.fromkeys(each.name for each in alerts))
        try:
            outcome = self.client.alerts.notified(
                channel, target, [each.alert(now) for each in alerts], lambda: messages.find(channel, target, alerts)
            ).value
        except TooManyStarts:
            outcome = "limited"
            answer.later["too many checks were started in this minute; send the notification again"] += 1
        else:
            answer.accepted.append({"gateway": str(target), "channel": channel, "outcome": outcome})
        ALERTS.labels(outcome).inc(len(alerts))
        if outcome != AlertOutcome.KNOWN:
            about = f"{target}: {', '.join(names)}"
            self.client.audit(AuditEntry(ALERT_USER, channel, "alert", about[:300], outcome))
