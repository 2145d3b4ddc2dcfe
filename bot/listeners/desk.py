"""What every listener needs: the configuration, the workers, Slack, and who is asking."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from bot.access import Asker, Decision, decide, groups_needed
from bot.asked import Diagnose
from bot.groups import Groups
from bot.listeners.in_time import InTime
from bot.messages import answers
from bot.messages.blocks import Message
from bot.metrics import COMMANDS
from bot.remaining_ways import tell_person
from bot.slack import Posted, Slack, SlackRefusal
from checks.config import Config
from workers.client import Client, Unavailable
from workers.records import Order

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


class Desk:
    """Takes what was understood and starts it, or says why not. Answers are messages for the person alone."""

    def __init__(self, config: Config, client: Client, slack: Slack, groups: Groups) -> None:
        self.config = config
        self.client = client
        self.slack = slack
        self.groups = groups
        self.in_time = InTime()

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
            COMMANDS.labels("refused").inc()
            log.info("refused: %s may not diagnose %s in %s", press.user, target, press.channel)
            return answers.refused(decision.reason)
        order = Order(
            target,
            press.user,
            press.channel,
            press.key,
            press.team,
            press.thread,
            after,
            press.response_url,
        )
        try:
            accepted = self.client.start(order)
        except Unavailable as gone:
            log.warning("a command could not be accepted: %s", gone)
            COMMANDS.labels("unavailable").inc()
            return answers.unavailable()
        COMMANDS.labels("joined" if accepted.joined else "repeated" if accepted.repeated else "started").inc()
        log.info("run %s for %s asked by %s in %s", accepted.run.id, target, press.user, press.channel)
        return answers.joined(accepted.run, self._link(accepted.run.id)) if accepted.joined else None

    def tell(self, press: Press, answer: Message) -> None:
        """Tells the person alone, by whatever way is left; raises a SlackRefusal where none is."""
        tell_person(self.slack, press.user, press.channel, press.response_url, answer)

    def _link(self, run_id: str) -> str:
        place = self.client.documents.deliveries(f"run/{run_id}").slots.get("parent")
        if place is None or place.ts.startswith("?"):
            return ""
        try:
            return self.slack.permalink(Posted(place.channel, place.ts))
        except SlackRefusal as refused:
            log.info("no link to run %s: %s", run_id, refused)
            return ""
