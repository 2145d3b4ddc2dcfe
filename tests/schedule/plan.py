"""The fleet of a simulation, and its failures."""

from dataclasses import dataclass
from datetime import timedelta

from checks.config.configuration import ClusterConfig, Config, DigestConfig


@dataclass(frozen=True)
class Plan:
    """The fleet, its workers, and what fails when. Times are seconds since midnight."""

    clusters: int = 2000
    gateways: int = 5
    subscriptions: int = 40
    largest: int = 400
    """Clusters in the first subscription; the others share the rest evenly."""
    workers: int = 2
    hours: float = 24
    every: timedelta = timedelta(hours=1)
    seconds: tuple[float, float] = (1.6, 3.4)
    """The shortest and longest check of a cluster that answers, without waiting for Azure."""
    silent: float = 0.05
    """The share of clusters that do not answer, drawn for each check."""
    killed: tuple[float, float] = (6.2 * 3600, 600)
    """When the first worker is killed, and how long it is away."""
    beat_stopped: tuple[float, float] = (9.1 * 3600, 480)
    digest: str = "09:00"
    """A digest of all clusters, every day."""
    seed: int = 1

    def subscription(self, number: int) -> int:
        """The subscription of a cluster; the configuration lists those of one together."""
        if number < self.largest:
            return 0
        return 1 + (number - self.largest) * (self.subscriptions - 1) // max(1, self.clusters - self.largest)

    @property
    def config(self) -> Config:
        """The configuration of the fleet."""
        clusters = tuple(
            ClusterConfig(name=f"c{n:04}", subscription_id=f"s{self.subscription(n):02}", resource_group="rg")
            for n in range(self.clusters)
        )
        digests = (DigestConfig(channel="C0FLEET", time=self.digest),) if self.digest else ()
        return Config(clusters=clusters, sweep_every=self.every, digests=digests)
