"""The shared handler of all listeners: access, runs, watches, replies, and the audit."""

import logging
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from bot.access.groups import Groups
from bot.access.record_permissions import check_record, may_see, permitted_gateways
from bot.access.rules import AccessDecision, check_access, groups_needed, is_visible, known_clusters, no_such_cluster
from bot.delivery.links import card_link, thread_link
from bot.delivery.newest_blocks import NewestBlocks
from bot.delivery.private_messages import send_privately
from bot.doctor.checkup import Checkup
from bot.grammar.commands import Command, Diagnose
from bot.grammar.parser import parse_command, permission_of
from bot.interactions.deadline import AnswerDeadline
from bot.interactions.interaction import Interaction
from bot.messages import answers
from bot.messages.blocks import Message
from bot.messages.interaction_values import OutdatedValue
from bot.slack.metrics import COMMANDS
from bot.slack.web_api import Slack, SlackRefusal
from checks.config.access_rules import Requester
from checks.config.configuration import Config, Permission
from checks.reports.ran_steps import RanStep
from workers.client import AuditEntry, Client, Unavailable, redis_problem
from workers.records.action import ActionRecord
from workers.records.handoff import Handoff
from workers.records.run import Order, Run, Target
from workers.records.schedule import Schedule
from workers.records.watch import Watch

log = logging.getLogger(__name__)


_Record = TypeVar("_Record", Run, Watch, Handoff, ActionRecord)
_Active = TypeVar("_Active", Run, Watch, Schedule, ActionRecord)


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
        groups = self.groups.of(interaction.user, groups_needed(self.config))
        return Requester(interaction.user, interaction.channel, tuple(sorted(groups)))

    def access(
        self, interaction: Interaction, cluster: str, gateway: str, permission: Permission = "diagnose"
    ) -> AccessDecision:
        """Whether the person has the permission for the gateway in this channel."""
        return check_access(self.config, self.requester(interaction), permission, cluster, gateway)

    def find(self, kind: type[_Record], record_id: str, interaction: Interaction) -> _Record | Message:
        """A record that the person may use here, or the answer to them.

        A record of another channel is answered as if it had expired.
        """
        try:
            found = self.client.get(kind, record_id) if re.fullmatch("[A-Za-z0-9]{1,64}", record_id) else None
        except Unavailable as error:
            return answers.unavailable(redis_problem(error))
        decision = check_record(self.config, self.requester(interaction), found) if found is not None else None
        if found is None or decision is None:
            return answers.run_expired()
        return found if decision.allowed else answers.access_denied(decision.reason)

    def visible(self, kind: type[_Active], interaction: Interaction) -> tuple[_Active, ...]:
        """The active records of this channel that the person may see. Raises Unavailable."""
        requester = self.requester(interaction)
        return tuple(each for each in self.client.active(kind) if may_see(self.config, requester, each))

    def own_runs(self, interaction: Interaction) -> tuple[Run, ...]:
        """The active runs that the person has started in this channel. Raises Unavailable."""
        mine = (interaction.channel, interaction.user)
        return tuple(run for run in self.client.active(Run) if (run.order.channel, run.order.user) == mine)

    def last_target(self, interaction: Interaction) -> Target | None:
        """The gateway last checked in this channel, by the person if they have checked one.

        None if they may not diagnose it.

        Raises Unavailable.
        """
        last = self.client.get(Target, f"{interaction.channel}/{interaction.user}")
        return last if last is not None and self.access(interaction, last.cluster, last.gateway).allowed else None

    def known_gateways(self, interaction: Interaction, cluster: str) -> Sequence[str]:
        """The gateways last seen in a cluster that the person may diagnose, for suggestions.

        None while Redis is unavailable.
        """
        try:
            names = self.client.gateways.known(cluster)
        except Unavailable:
            return ()
        return permitted_gateways(self.config, self.requester(interaction), "diagnose", cluster, names)

    def checked_gateways(self, interaction: Interaction, permission: Permission, cluster: str) -> Sequence[str]:
        """The gateways ever seen in a cluster for which the person has the permission.

        Raises Unavailable.
        """
        names = self.client.gateways.known(cluster, checked=True)
        return permitted_gateways(self.config, self.requester(interaction), permission, cluster, names)

    def access_somewhere(self, interaction: Interaction, cluster: str) -> AccessDecision:
        """Whether the person may diagnose at least one gateway of the cluster in this channel."""
        requester = self.requester(interaction)
        if is_visible(self.config, requester, cluster):
            return AccessDecision(True)
        return AccessDecision(False, no_such_cluster(self.config, cluster))

    def parsed(self, text: str, interaction: Interaction, *, literal: bool = False) -> Command:
        """The command in a text, with suggestions that name only what the person may use.

        `literal` leaves the name of the gateway as it is.
        """
        clusters = known_clusters(self.config, self.requester(interaction), permission_of(text))
        if literal:
            return parse_command(text, self.config, clusters=clusters)
        return parse_command(text, self.config, lambda name: self.known_gateways(interaction, name), clusters)

    def known_clusters(self, interaction: Interaction) -> Sequence[str]:
        """The clusters that suggestions may name to the person."""
        return known_clusters(self.config, self.requester(interaction))

    def diagnose(
        self, command: Diagnose, interaction: Interaction, after: str | None = None, ran: RanStep | None = None
    ) -> Message | None:
        """Start a run or join one; None if its thread in the channel is the answer.

        `after` is the run that this one re-checks, `ran` the step that it verifies.
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
            groups=tuple(self.requester(interaction).groups),
            ran=ran,
        )
        try:
            accepted = self.client.start(order)
        except Unavailable as error:
            log.warning("a command was not accepted: %s", type(error).__name__)
            return answers.unavailable(redis_problem(error))
        log.info("run %s for %s requested by %s in %s", accepted.run.id, target, interaction.user, interaction.channel)
        pressed_twice = after is not None and accepted.run.order.user == interaction.user
        if accepted.joined and not pressed_twice:
            return answers.joined(accepted.run, self._link(accepted.run))
        return self._on_card(accepted.run, interaction)

    def watch(self, target: Target, interaction: Interaction, span: timedelta, head: str = "") -> Message | None:
        """Start a watch. None if it is shown where it was requested.

        `head` is the run whose parent message heads the thread of the interaction.
        """
        decision = self.access(interaction, target.cluster, target.gateway)
        if not decision.allowed:
            return answers.access_denied(decision.reason)
        try:
            groups = tuple(self.requester(interaction).groups)
            watch, joined = self.client.watch(
                target, interaction.user, interaction.channel, interaction.thread, span, groups, head
            )
            if joined:
                return answers.watching(watch, joined=True)
            if not watch.card:
                return None if watch.thread is not None else answers.watching(watch, joined=False)
            if self.client.cards.thread_of(watch.card) == interaction.thread:
                return None
            return answers.watch_on_card(watch, card_link(self.client, self.slack, watch.card))
        except Unavailable as error:
            return answers.unavailable(redis_problem(error))

    def once(self, interaction: Interaction, what: str, about: str, do: Callable[[], Message | None]) -> None:
        """Carry out a press, mention or form once despite redelivery; reply and record the outcome.

        A button of an earlier version whose value cannot be read is answered as that.
        """
        try:
            if not self.client.conversations.first_time(interaction.key):
                return
            answer = do()
        except OutdatedValue:
            answer = answers.outdated_button()
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
        """Reply to the person alone; if Slack refuses, the reply is in the log.

        In the thread of a direct message, it is a message: the assistant view may not show an ephemeral one.
        """
        if interaction.thread and interaction.channel.startswith("D") and self.publish(interaction, answer) is None:
            return
        try:
            send_privately(
                self.slack,
                interaction.user,
                interaction.channel,
                interaction.response_url,
                answer,
                interaction.thread,
                newest=NewestBlocks(self.client, self.slack),
            )
        except SlackRefusal as refused:
            log.error("no reply to %s (%r): %s", interaction.user, answer.text[:200], refused)  # noqa: TRY400 - no traceback

    def publish(self, interaction: Interaction, answer: Message) -> Message | None:
        """Post an answer where the question is; returns it if Slack refuses, for the person alone."""
        try:
            self.slack.post(interaction.channel, answer.text, answer.blocks, interaction.thread, {"slot": answer.slot})
        except SlackRefusal as refused:
            log.warning("an answer was not posted in %s: %s", interaction.channel, refused)
            return answer
        return None

    def _on_card(self, run: Run, interaction: Interaction) -> Message | None:
        """The answer to a person whose run is in the thread of a card; None if they are there."""
        try:
            if not run.order.card or self.client.cards.thread_of(run.order.card) == interaction.thread:
                return None
            return answers.on_card(run, card_link(self.client, self.slack, run.order.card))
        except Unavailable as error:
            log.info("no card for run %s: %s", run.id, type(error).__name__)
            return answers.on_card(run, "")

    def _link(self, run: Run) -> str:
        try:
            return thread_link(self.client, self.slack, run.id, run.order.channel)
        except Unavailable as error:
            log.info("no permalink for run %s: %s", run.id, type(error).__name__)
            return ""
