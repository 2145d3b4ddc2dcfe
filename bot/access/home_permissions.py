"""Permissions outside every channel, in the App Home."""

from dataclasses import dataclass

from bot.access.record_permissions import checked_target
from bot.access.rules import own_channels
from checks.config.access_rules import Requester, is_permitted, is_permitted_somewhere
from checks.config.configuration import Config
from workers.records.run import Run, Target
from workers.records.watch import Watch


@dataclass(frozen=True, slots=True)
class HomePermissions:
    """The gateways and channels that a user's App Home may show.

    The App Home belongs to no channel.

    A rule for everyone in a channel is for its members. The bot cannot read who they are, but Slack lets only them use the bot
    there: `channels` are those in which the user has used it.
    """

    config: Config
    requester: Requester
    channels: frozenset[str]

    def clusters(self) -> tuple[str, ...]:
        """The clusters with a gateway that may be shown."""
        access = self.config.access
        return tuple(
            cluster.name
            for cluster in self.config.clusters
            if any(is_permitted_somewhere(access, each, "diagnose", cluster.name) for each in self._places())
        )

    def includes_gateway(self, cluster: str, gateway: str) -> bool:
        """Whether the user may diagnose the gateway in at least one of their channels."""
        return any(is_permitted(self.config.access, each, "diagnose", cluster, gateway) for each in self._places())

    def includes_run(self, run: Run) -> bool:
        """Whether a run may be shown: the user's own, and those of their channels."""
        channel = run.order.channel
        if run.order.user != self.requester.user and channel not in self.channels | self._named():
            return False
        return self._may_diagnose(channel, checked_target(run))

    def includes_watch(self, watch: Watch) -> bool:
        """Whether a watch may be shown: the user's own."""
        return watch.user == self.requester.user and self._may_diagnose(watch.channel, watch.target)

    def _may_diagnose(self, channel: str, target: Target) -> bool:
        there = Requester(self.requester.user, channel, self.requester.groups)
        return is_permitted(self.config.access, there, "diagnose", target.cluster, target.gateway)

    def _named(self) -> frozenset[str]:
        return own_channels(self.config, self.requester)

    def _places(self) -> tuple[Requester, ...]:
        # A rule for every channel applies in the App Home, too.
        channels = {"*"} | self.channels | self._named()
        return tuple(Requester(self.requester.user, each, self.requester.groups) for each in sorted(channels))
