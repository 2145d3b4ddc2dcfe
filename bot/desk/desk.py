"""What every listener needs: the configuration, the workers, Slack, who is asking, and a note of what was asked."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.access.groups import Groups
from bot.access.rules import Asker, Decision, decide, groups_needed
from bot.delivery.remaining_ways import tell_person
from bot.desk.in_time import InTime
from bot.doctor.checkup import Checkup
from bot.grammar.asked import Diagnose
from bot.messages import answers
from bot.messages.blocks import Message
from bot.slack.client import Posted, Slack, SlackRefusal
from bot.slack.metrics import COMMANDS
from checks.config.configuration import Config
from workers.client import Client, Unavailable
from workers.runs.audit import Entry
from workers.runs.records import Order, Target

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Press:
    """Where something was typed or pressed, by whom, and what makes repetitions of it recognisable."""

    user: str
    channel: str
    team: str
    key: str
    response_url: str = ""
    thread: str | None = None
    trigger: str = ""


class Desk:
    """Takes what was understood and starts it, or says why not. Answers are messages for the person alone."""

    def __init__(self, config: Config, client: Client, slack: Slack, groups: Groups) -> None:
        self.config = config
        self.client = client
        self.slack = slack
        self.groups = groups
        self.in_time = InTime()
        self.checkup = Checkup()

    def asker(self, press: Press) -> Asker:
        """Who asks, with their user groups as far as the rules name any."""
        return Asker(press.user, press.channel, self.groups.of(press.user, groups_needed(self.config)))

    def allowed(self, press: Press, cluster: str, gateway: str | None) -> Decision:
        """Whether this person may diagnose that here."""
        return decide(self.config, self.asker(press), "diagnose", cluster, gateway)

    def known(self, cluster: str) -> Sequence[str]:
        """Gateways last seen in the cluster, for suggestions; none while Redis is gone."""
        try:
            return self.client.known_gateways(cluster)
        except Unavailable:
            return ()

    def diagnose(self, command: Diagnose, press: Press, after: str | None = None) -> Message | None:
        """Starts a run. None where the channel itself will show it."""
        target = command.target
        decision = self.allowed(press, target.cluster, target.gateway)
        if not decision.allowed:
            return answers.refused(decision.reason)
        order = Order(target, press.user, press.channel, press.key, press.team, press.thread, after, press.response_url)
        try:
            accepted = self.client.start(order)
            self.client.remember_target(press.channel, target)
        except Unavailable as gone:
            log.warning("a command could not be accepted: %s", type(gone).__name__)
            return answers.unavailable()
        log.info("run %s for %s asked by %s in %s", accepted.run.id, target, press.user, press.channel)
        pressed_twice = after is not None and accepted.run.order.user == press.user
        if not accepted.joined or pressed_twice:
            return None
        return answers.joined(accepted.run, self._link(accepted.run.id))

    def watch(self, target: Target, press: Press, span: timedelta) -> Message | None:
        """Begins a watch. None where the channel itself will show it."""
        decision = self.allowed(press, target.cluster, target.gateway)
        if not decision.allowed:
            return answers.refused(decision.reason)
        try:
            watch, joined = self.client.watch(target, press.user, press.channel, press.thread, span)
        except Unavailable:
            return answers.unavailable()
        return answers.watching(watch, joined=True) if joined else None

    def once(self, press: Press, what: str, about: str, do: Callable[[], Message | None]) -> None:
        """Does what a press, mention or form asks, once however often it is delivered; tells and notes what came of it."""
        try:
            if not self.client.first_time(press.key):
                return
            answer = do()
        except Unavailable:
            answer = answers.unavailable()
        self.note(press, what, about, answer)
        if answer is not None:
            self.tell(press, answer)

    def note(self, press: Press, what: str, about: str, answer: Message | None) -> None:
        """Notes what was asked and what came of it, for the audit and the metrics."""
        outcome = answer.slot if answer is not None else "done"
        why = answer.text if answer is not None and outcome in ("refused", "mistake") else ""
        COMMANDS.labels(outcome).inc()
        self.client.audit(Entry(press.user, press.channel, what, about[:300], outcome, why=why[:300]))

    def tell(self, press: Press, answer: Message) -> None:
        """Tells the person alone, by whatever way is left; where none is, the log has it."""
        try:
            tell_person(self.slack, press.user, press.channel, press.response_url, answer, press.thread)
        except SlackRefusal as refused:
            log.error("%s could not be told %r: %s", press.user, answer.text[:200], refused)  # noqa: TRY400 - no traceback

    def _link(self, run_id: str) -> str:
        try:
            place = self.client.delivered(f"run/{run_id}").get("parent")
            if place is None or place.ts.startswith("?"):
                return ""
            return self.slack.permalink(Posted(place.channel, place.ts))
        except (SlackRefusal, Unavailable) as refused:
            log.info("no link to run %s: %s", run_id, refused)
            return ""
