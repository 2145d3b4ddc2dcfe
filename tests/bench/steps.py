"""The memory of the action worker, idle and during steps."""

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from checks.actions.plan import ActionKind
from checks.config.configuration_file import load
from tests.bench.measure import memory, table
from tests.bot.step_stories import READY, write_step_config
from tests.clusters.compose import compose, named
from tests.loopback.active import ActiveKubeServer, Kubelet
from tests.redis_server import RedisServer
from workers.client import ConnectedClient, connect
from workers.queue.settings import WorkerSettings
from workers.records.action import ActionOrder, ActionRecord, ActionState
from workers.records.run import Target

STEPS = 20
KINDS = (ActionKind.PROBE_POD, ActionKind.RESTART)
"""The two steps that are made at the same time."""


def measure() -> str:
    """The section of docs/benchmarks.md."""
    with (
        tempfile.TemporaryDirectory() as name,
        ActiveKubeServer(compose(named("base"), {"change": [READY]}), Kubelet(seconds=0.5)) as cluster,
    ):
        folder = Path(name)
        redis = RedisServer(folder)
        redis.start()
        config = write_step_config(folder, cluster)
        client = connect(WorkerSettings(REDIS_URL=redis.url), load(config), retry=True)
        worker = subprocess.Popen(
            [sys.executable, "-m", "checks.cli.main", "worker", "--queues", "actions", "--concurrency", "2"],
            env={**os.environ, "REDIS_URL": redis.url, "EGRESS_DIAG_CONFIG": str(config)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not client.stores.presence.present(datetime.now(UTC)):
                time.sleep(0.2)
            time.sleep(3)
            idle = memory(worker.pid)
            most = max(_pair(client, number, worker.pid) for number in range(STEPS // len(KINDS)))
            rows = [
                ("idle", idle),
                (f"during {STEPS} steps, two at once, at most", most),
                ("afterwards", memory(worker.pid)),
            ]
        finally:
            worker.terminate()
            worker.wait(60)
            client.close()
            redis.stop()
    return "\n".join(
        [
            "## Memory of the action worker",
            "",
            (
                "Proportional set size (PSS) of the worker of the queue `actions` with its two children. Each step plans, "
                "reads the preconditions again and follows a probe or a restart, on a loopback cluster with one gateway:"
            ),
            "",
            table(("", "memory"), [(name, f"{mib:.0f} MiB") for name, mib in rows]),
        ]
    )


def _pair(client: ConnectedClient, number: int, pid: int) -> float:
    """Make two steps at once. Returns the most memory during them, in MiB."""
    target = Target("prod-weu", "egw", "team-egress")
    orders = [ActionOrder(target, kind, "U0ALICE", "C0OPS", f"{kind.value}/{number}") for kind in KINDS]
    names = [client.actions.request(each)[0].id for each in orders]
    used = [0.0]
    found: list[ActionRecord] = []
    while not found or not all(each.state.ended for each in found):
        found = [_record(client, name) for name in names]
        for each in found:
            if each.state is ActionState.PLANNED:
                client.actions.approve(each.id, "U0ALICE")
        used.append(memory(pid))
        time.sleep(0.1)
    assert all(each.state is ActionState.DONE for each in found), found
    return max(used)


def _record(client: ConnectedClient, name: str) -> ActionRecord:
    found = client.get(ActionRecord, name)
    assert found is not None
    return found
