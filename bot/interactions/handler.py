"""The shared handler of all listeners: access, runs, watches, replies, and the audit."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from bot.access.groups import Groups
from bot.access.rules import AccessDecision, Requester, check_access, groups_needed
from bot.delivery.links import thread_link
from bot.delivery.private_messages import send_privately
from bot.doctor.checkup import Checkup
from bot.grammar.commands import Diagnose
from bot.interactions.deadline import AnswerDeadline
from bot.interactions.interaction import Interaction
from bot.messages import answers
from bot.messages.blocks import Message
from bot.slack.metrics import COMMANDS
from bot.slack.web_api import Slack, SlackRefusal
from checks.config.configuration import Config
from workers.client import AuditEntry, Client, Unavailable, redis_problem
from workers.records.run import Order, Target

log = logging.getLogger(__name__)


class InteractionHandler:
    """Executes what an interaction requests, and returns the messages for its user alone."""

    def __init__(self, config: Config, client: Client, slack: Slack, groups: Groups) -> None:
        self.config = config
        self.client = client
        self.slack = slack
        self.groups = groups
        self.deadline = AnswerDeadline()
        self.checkup = Checkup()

    def requester(self, interaction: Interaction) -> Requester:
        """The person of an interaction, with those of their user groups that the access rules name."""
        return Requester(
            interaction.user, interaction.channel, self.groups.of(interaction.user, groups_needed(self.config))
        )

    def access(self, interaction: Interaction, cluster: str, gateway: str | None) -> AccessDecision:
        """Whether the person may diagnose the cluster, or the gateway, in this channel."""
        return check_access(self.config, self.requester(interaction), "diagnose", cluster, gateway)

    def known_gateways(self, cluster: str) -> Sequence[str]:
        """The gateways last seen in a cluster, for suggestions; none while Redis is unavailable."""
        try:
            return self.client.gateways.known(cluster)
        except Unavailable:
            return ()

    def diagnose(self, command: Diagnose, interaction: Interaction, after: str | None = None) -> Message | None:
        """Start a run or join one; None if its thread in the channel is the answer.

        `after` is the run that this one re-checks.
        """
        target = command.target
        decision = self.access(interaction, target.cluster, target.gateway)
        if not decision.allowed:
            return answers.access_denied(decision.reason)
        order = Order(
            target,
            interaction.user,
            interaction.channel,
            interaction.key,
            interaction.team,
            interaction.thread,
            after,
            interaction.response_url,
        )
        try:
            accepted = self.client.start(order)
        except Unavailable as error:
            log.warning("a command was not accepted: %s", type(error).__name__)
            return answers.unavailable(redis_problem(error))
        log.info("run %s for %s requested by %s in %s", accepted.run.id, target, interaction.user, interaction.channel)
        pressed_twice = after is not None and accepted.run.order.user == interaction.user
        if not accepted.joined or pressed_twice:
            return None
        return answers.joined(accepted.run, self._link(accepted.run.id))

    def watch(self, target: Target, interaction: Interaction, span: timedelta) -> Message | None:
        """Start a watch. None if it is shown in the channel."""
        decision = self.access(interaction, target.cluster, target.gateway)
        if not decision.allowed:
            return answers.access_denied(decision.reason)
        try:
            watch, joined = self.client.watch(target, interaction.user, interaction.channel, interaction.thread, span)
        except Unavailable as error:
            return answers.unavailable(redis_problem(error))
        return answers.watching(watch, joined=True) if joined else None

    def once(self, interaction: Interaction, what: str, about: str, do: Callable[[], Message | None]) -> None:
        """Carry out a press, mention or form once despite redelivery; reply and record the outcome."""
        try:
            if not self.client.conversations.first_time(interaction.key):
                return
            answer = do()
        except Unavailable as error:
            answer = answers.unavailable(redis_problem(error))
        self.record(interaction, what, about, answer)
        if answer is not None:
            self.reply(interaction, answer)

    def record(self, interaction: Interaction, what: str, about: str, answer: Message | None) -> None:
        """Record an interaction and its outcome, for the audit and the metrics."""
        outcome = answer.slot if answer is not None else "done"
        why = answer.text if answer is not None and outcome in ("refused", "mistake") else ""
        COMMANDS.labels(outcome).inc()
        self.client.audit(AuditEntry(interaction.user, interaction.channel, what, about[:300], outcome, why=why[:300]))

    def reply(self, interaction: Interaction, answer: Message) -> None:
        """Reply to the person alone; if Slack refuses, the reply is in the log."""
        try:
            send_privately(
                self.slack, interaction.user, interaction.channel, interaction.response_url, answer, interaction.thread
            )
        except SlackRefusal as refused:
            log.error("no reply to %s (%r): %s", interaction.user, answer.text[:200], refused)  # noqa: TRY400 - no traceback

    def _link(self, run_id: str) -> str:
        try:
            return thread_link(self.client, self.slack, run_id)
        except Unavailable as error:
            log.info("no permalink for run %s: %s", run_id, type(error).__name__)
            return ""
