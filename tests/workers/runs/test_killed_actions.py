"""A worker that is killed at any point of an active step: nothing twice, nothing left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from checks.actions.plan import ActionKind
from checks.sources.live import close_sources
from tests.clusters.compose import compose, named
from tests.loopback.active import ActiveKubeServer, Kubelet
from tests.redis_server import RedisServer
from tests.workers.runs.test_actions import READY, connected, ordered, record, write_config
from workers.client import ConnectedClient
from workers.client.actions import ActionClient
from workers.records.action import ActionRecord, ActionState
from workers.tasks.action_tasks import follow_actions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = 8


class KilledWorker:
    """A worker of the queue `actions`, killed and started again."""

    def __init__(self, folder: Path, redis: RedisServer, config: Path) -> None:
        self._folder = folder
        self._environment = {
            "PATH": os.defpath,
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "REDIS_URL": redis.url,
            "EGRESS_DIAG_CONFIG": str(config),
            "EGRESS_DIAG_LEASE": "1",
            "EGRESS_DIAG_CONCURRENCY": "1",
        }
        self.start()

    def start(self) -> None:
        with (self._folder / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "checks.cli.main", "worker", "--queues", "actions"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def until(client: ConnectedClient, action_id: str, *states: ActionState, seconds: float = 90) -> ActionRecord:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        follow_actions(client.stores)
        if (found := record(client, action_id)).state in states:
            return found
        time.sleep(0.1)
    raise AssertionError(record(client, action_id))


@pytest.mark.parametrize("kind", [ActionKind.PROBE_POD, ActionKind.RESTART])
def test_kills_at_every_step_do_nothing_twice_and_leave_nothing(
    redis_server: RedisServer, redis_url: str, tmp_path: Path, kind: ActionKind
) -> None:
    chance = random.Random(13)
    with ActiveKubeServer(compose(named("base"), {"change": [READY]}), Kubelet(seconds=1.5)) as server:
        config = write_config(server, tmp_path)
        client = connected(redis_url, config)
        worker = KilledWorker(tmp_path, redis_server, config)
        try:
            action, _ = ActionClient(client.stores).request(ordered(kind))
            until(client, action.id, ActionState.PLANNED)
            assert isinstance(ActionClient(client.stores).approve(action.id, "U0ALICE"), ActionRecord)
            for _ in range(KILLS):
                until(client, action.id, ActionState.RUNNING, ActionState.DONE)
                time.sleep(chance.uniform(0.0, 0.8))
                worker.kill()
                worker.start()
                if record(client, action.id).state.ended:
                    break
            ended = until(client, action.id, ActionState.DONE, ActionState.FAILED)
            deadline = time.monotonic() + 60
            while client.stores.actions.active() and time.monotonic() < deadline:
                follow_actions(client.stores)
                time.sleep(0.2)
        finally:
            worker.kill()
            client.close()
            close_sources()
        assert ended.state in (ActionState.DONE, ActionState.FAILED)
        assert server.jobs == {}
        made = {name: count for name, count in server.changes.items() if name != "DELETE Job"}
        assert set(made.values()) == {1}, server.changes
