"""A scripted fleet: the state of each gateway at each time, as a fleet check finds it.

Clock and world are immutable values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from checks.config.configuration import Config
from checks.model.findings import Verdict
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.queue.settings import WorkerSettings
from workers.records.gateway_state import Fault, GatewayCheck, GatewaySetting, SweptCluster

PREFIX = "20.50.60.0/30"
FIELD = ("StaticGatewayConfiguration {}", "status.egressIpPrefix")


@dataclass(frozen=True)
class Truth:
    """The state of a gateway at some time."""

    verdict: Verdict = Verdict.HEALTHY
    check: str = "gateway-pool-missing"
    prefix: str = PREFIX
    risk: str = ""


def seen(truth: Truth, cluster: str, gateway: str, by: str, at: datetime) -> GatewayCheck:
    """The result of checking a gateway in this state."""
    faults: tuple[Fault, ...] = ()
    if truth.verdict is Verdict.BROKEN:
        faults = (_fault(truth.check, at),)
    return GatewayCheck(
        by=by,
        cluster=cluster,
        gateway=gateway,
        at=at,
        verdict=truth.verdict,
        faults=faults,
        risks=(_fault(truth.risk, at),) if truth.risk else (),
        settings=(GatewaySetting(FIELD[0].format(gateway), FIELD[1], truth.prefix),),
        prefix=truth.prefix,
        missing="get pods: forbidden (403)" if truth.verdict is Verdict.INCONCLUSIVE else "",
    )


def _fault(check: str, at: datetime) -> Fault:
    title = check.replace("-", " ").capitalize()
    return Fault(check, "EG407", title, f"the {check} object", f"{title}: it does not work.", check, at)


Script = Callable[[str, str, datetime], Truth]


@dataclass
class World:
    """Redis, one scheduler, and workers that carry out parts at once."""

    settings: WorkerSettings
    config: Config
    script: Script
    gateways: Mapping[str, tuple[str, ...]]
    problems: Callable[[str, datetime], str] = lambda _cluster, _now: ""
    answers: Callable[[str, datetime], bool] = lambda _cluster, _now: True
    """Whether a worker finishes its part of this cluster."""
    calls: list[str] = field(default_factory=list)

    def connect(self) -> Client:
        """A client as of a separate process."""
        return connect(self.settings, self.config, retry=True)

    def tick(self, client: Client, now: datetime) -> None:
        """Run one round of one scheduler; the workers carry out the parts that it sends."""
        sent: list[str] = []

        def send(part: str) -> bool:
            sent.append(part)
            return True

        client.stores.fleet.tick(self.config, now, send)
        for part in sent:
            self.work(client, part, now)
        if sent:
            client.stores.fleet.tick(self.config, now, send)

    def work(self, client: Client, part: str, now: datetime) -> None:
        """Carry out one part."""
        self.calls.append(part)
        sweep_id, _, cluster = part.partition("/")
        if not self.answers(cluster, now):
            return
        problem = self.problems(cluster, now)
        names = () if problem else self.gateways[cluster]
        swept = SweptCluster(cluster, sweep_id, now, len(names), 1.5, problem)
        checks = [seen(self.script(cluster, name, now), cluster, name, sweep_id, now) for name in names]
        client.stores.fleet.ledger.record_sweep(swept, checks, now)
        client.stores.fleet.sweeps.record_part(sweep_id, swept)


def steps(first: datetime, last: datetime, minutes: int) -> list[datetime]:
    """Times at intervals of so many minutes."""
    count = int((last - first) / timedelta(minutes=minutes))
    return [first + timedelta(minutes=minutes) * n for n in range(count + 1)]
