"""The courier as a process: Redis delivers its tasks, and it schedules its own later ones."""

from pathlib import Path

import pytest

from bot.sandbox import SandboxServer
from tests.bot.conftest import write_config
from tests.bot.courier.test_courier import FULL
from tests.bot.stories import BROKEN, accepted, finish
from tests.redis_server import RedisServer
from tests.system import System, slots, whole_thread
from workers.client import ConnectedClient as Client

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_thread_that_slack_did_not_accept_is_completed_without_another_change(
    tmp_path: Path, redis_server: RedisServer, client: Client, slack: SandboxServer
) -> None:
    """Beat is down: only the courier itself can repeat the delivery."""
    slack.faults.drop_requests(2, "chat.postMessage")
    courier = System(tmp_path, redis_server, slack, write_config(tmp_path))
    try:
        courier.start("courier")
        run = finish(client, accepted(client), BROKEN)
        courier.wait(lambda: slots(whole_thread(slack)) == FULL, 90, "the thread is not complete")
        courier.wait(lambda: not client.stores.documents.due(0), 60, f"run/{run.id} is still due")
        environment = Path(f"/proc/{courier.processes['courier'].pid}/environ").read_bytes().split(b"\0")
        assert b"MALLOC_ARENA_MAX=2" in environment, "the memory of pictures is returned"
    finally:
        courier.__exit__()
    assert "Slack did not answer" in courier.log("courier")
