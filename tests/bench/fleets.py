"""Fleet checks of simulated clusters by real workers over a real Redis.

API servers and Azure are on loopback and answer with latency.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import trustme

from checks.config.configuration import Config
from checks.config.configuration_file import load
from tests.bench.fleet import big_cluster
from tests.bench.measure import cpu_time, memory, shown, table
from tests.bench.runbook import AZURE, KUBERNETES
from tests.clusters.compose import Cluster
from tests.loopback.azure import AzureServer
from tests.loopback.kube import KubeServer
from tests.redis_server import RedisServer
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.fleet.service import current_time
from workers.queue.celery_app import SWEEP_QUEUE
from workers.queue.sending import send
from workers.queue.settings import WorkerSettings

ROWS = (
    *((1, 5, 1, 4), (10, 5, 1, 4), (10, 5, 2, 4), (100, 5, 1, 4), (100, 5, 1, 8), (100, 5, 2, 4)),
    *((1, 500, 1, 4), (10, 500, 1, 2), (10, 500, 1, 4), (10, 500, 2, 2)),
)
"""Clusters, gateways in each, workers, slots of each worker."""

LARGEST = ((100, 500, 1, 4), (100, 500, 2, 2))
"""Fifty thousand gateways take many minutes on two cores.

Measured where EGRESS_DIAG_BENCH is `all`.
"""

LONGEST = 3600.0


@dataclass(frozen=True)
class Swept:
    """The measured cost of one fleet check."""

    clusters: int
    gateways: int
    workers: int
    slots: int
    """Clusters that one worker checks at the same time."""
    seconds: float
    cpu: float
    """CPU time of the workers with their children, in seconds."""
    of_servers: float
    """CPU time of the simulated servers in the meantime, in seconds."""
    calls: float
    """API calls per cluster, Kubernetes and Azure together."""
    worker_mib: float
    """Peak memory of the largest worker with its children."""
    redis_bytes: float
    """Memory of Redis per gateway after the fleet check."""
    problems: int

    @property
    def row(self) -> tuple[object, ...]:
        total = self.clusters * self.gateways
        return (
            self.clusters,
            self.gateways,
            self.workers,
            self.slots,
            shown(self.seconds),
            f"{self.cpu:.1f} s",
            f"{self.of_servers:.1f} s",
            f"{total / self.seconds:.0f}",
            f"{self.calls:.0f}",
            f"{self.worker_mib:.0f} MiB",
            f"{self.redis_bytes / 1024:.1f} KiB",
        )


def measure() -> str:
    """The section of docs/benchmarks.md."""
    swept: list[Swept] = []
    loads: list[float] = []
    for gateways in (5, 500):
        cluster = big_cluster(gateways, 6 * gateways)
        for row in (*ROWS, *(LARGEST if os.environ.get("EGRESS_DIAG_BENCH") == "all" else ())):
            if row[1] == gateways:
                loads.append(os.getloadavg()[0])
                swept.append(_sweep(cluster, *row))
                print("  ", *swept[-1].row, file=sys.stderr, flush=True)
    head = (
        "clusters", "gateways each", "workers", "slots each", "fleet check", "CPU of workers", "CPU of servers", "gateways/s",
        "API calls per cluster", "largest worker", "Redis per gateway",
    )  # fmt: skip
    return "\n".join(
        [
            "## Fleet checks of simulated clusters",
            "",
            (
                f"{KUBERNETES * 1000:.0f} ms of added latency per Kubernetes call, {AZURE * 1000:.0f} ms per Azure call; a "
                "worker checks a cluster in each of its slots. Workers, Redis and the simulated servers share this "
                "machine's cores; 6 Istio objects per gateway. One fleet check per row, of clusters that were never "
                f"read before. Load average before the first row: {loads[0]:.1f}, before the last: {loads[-1]:.1f}."
            ),
            "",
            table(head, (each.row for each in swept)),
            "",
            _growth(swept),
        ]
    )


def _growth(swept: list[Swept]) -> str:
    few = [each.calls for each in swept if each.gateways == 5]
    many = [each.calls for each in swept if each.gateways == 500]
    missing, total = sum(each.problems for each in swept), sum(each.clusters for each in swept)
    return (
        f"API calls per cluster: {min(few):.0f}–{max(few):.0f} with 5 gateways, {min(many):.0f}–{max(many):.0f} with 500. "
        "Lists come in pages of 500, and at most 20 proxies' logs are read, so the number grows only slightly "
        f"with the gateways. Not checked: {missing} of {total} clusters."
    )


def _sweep(cluster: Cluster, clusters: int, gateways: int, workers: int, slots: int) -> Swept:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kube = stack.enter_context(KubeServer(cluster, latency=KUBERNETES, authority=trustme.CA()))
        account = stack.enter_context(AzureServer(cluster, kube=kube, latency=AZURE))
        redis = RedisServer(folder)
        redis.start()
        stack.callback(redis.stop)
        config = folder / "egress-diag.yaml"
        entry = ", ".join(f"{key}: {value}" for key, value in account.entry.items())
        config.write_text("clusters:\n" + "".join(f"  - {{name: c{n:03}, {entry}}}\n" for n in range(clusters)))
        client = connect(WorkerSettings(REDIS_URL=redis.url), load(config))
        stack.callback(client.close)
        environment = {
            **os.environ,
            **account.environment(folder),
            "REDIS_URL": redis.url,
            "EGRESS_DIAG_CONFIG": str(config),
            "EGRESS_DIAG_RUN_TIMEOUT": "300",
        }
        pids = [stack.enter_context(_worker(environment, slots)).pid for _ in range(workers)]
        time.sleep(4)
        before = int(client.stores.redis.info("memory")["used_memory"])
        used, of_servers = sum(map(cpu_time, pids)), time.process_time()
        seconds, peak, problems = _executed(client, load(config), pids)
        used, of_servers = sum(map(cpu_time, pids)) - used, time.process_time() - of_servers
        grown = int(client.stores.redis.info("memory")["used_memory"]) - before
        calls = (kube.requests.total() + account.requests.total()) / clusters
    of_gateway = grown / (clusters * gateways)
    return Swept(clusters, gateways, workers, slots, seconds, used, of_servers, calls, peak, of_gateway, problems)


def _executed(client: Client, config: Config, pids: list[int]) -> tuple[float, float, int]:
    """Send the fleet check as beat does and wait for its end.

    Returns its seconds, the largest worker's memory in MiB, and the number of clusters with a problem.
    """
    names = [each.name for each in config.clusters]
    fleet = client.stores.fleet
    fleet.sweeps.begin("bench", names, current_time(), timedelta(seconds=LONGEST), "bench")
    quiet = config.model_copy(update={"sweep_every": timedelta(0)})

    def part(name: str) -> bool:
        return send(client.stores.publisher, "workers.sweep", name, SWEEP_QUEUE)

    began, peak, measured_at = time.monotonic(), 0.0, 0.0
    while True:
        sweep = fleet.sweeps.get("bench")
        assert sweep is not None
        if not sweep.waiting or time.monotonic() - began > LONGEST:
            break
        if time.monotonic() - measured_at > 2:
            fleet.tick(quiet, current_time(), part)
            peak, measured_at = max(peak, *(memory(pid) for pid in pids)), time.monotonic()
        time.sleep(0.1)
    return time.monotonic() - began, peak, sum(bool(each.problem) for each in sweep.done) + len(sweep.waiting)


@contextmanager
def _worker(environment: dict[str, str], slots: int) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-m", "checks.cli.main", "worker", "--queues", "sweep", "--concurrency", str(slots)]
    process = subprocess.Popen(
        words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
