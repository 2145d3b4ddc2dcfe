"""A configuration over example clusters, a courier without processes, handwritten runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.courier.courier import Courier
from bot.sandbox import RateLimits, SandboxServer
from bot.slack.settings import SlackSettings as BotSettings
from bot.slack.web_api import Slack
from checks.config.configuration import Config
from checks.config.configuration_file import load
from tests.bot.conversation import Conversation, conversation
from tests.clusters.compose import Cluster, named, read_bundle, write_bundle
from tests.system import PATIENT
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.queue.settings import WorkerSettings

EXAMPLE = Path(__file__).parents[2] / "examples" / "bundles" / "gateway-pool-missing"


def broken_cluster() -> Cluster:
    """A typing error in the name of the gateway's node pool, with its symptoms."""
    return read_bundle(EXAMPLE)


def write_config(folder: Path, more: str = "", access: str = "") -> Path:
    """A configuration with a healthy and a broken cluster, as bundles."""
    for name, cluster in (("healthy", named("base")), ("broken", broken_cluster())):
        if not (folder / name).exists():
            write_bundle(cluster, folder / name)
    config = folder / "egress-diag.yaml"
    rules = access or "  - {allow: [diagnose], users: ['*'], channels: ['C0OPS', 'C0PAY', 'C0OLD', 'C0RANDOM']}\n"
    config.write_text(
        "clusters:\n"
        f"  - {{name: prod-weu, aliases: [weu], bundle: '{folder / 'broken'}'}}\n"
        f"  - {{name: prod-neu, bundle: '{folder / 'healthy'}'}}\n"
        f"{more}access:\n{rules}ask: '#platform-team'\n",
        encoding="utf-8",
    )
    return config


@pytest.fixture(scope="session")
def clusters_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clusters")


@pytest.fixture
def config_file(clusters_folder: Path, tmp_path: Path) -> Path:
    config = write_config(clusters_folder)
    copy = tmp_path / "egress-diag.yaml"
    copy.write_text(config.read_text(encoding="utf-8"), encoding="utf-8")
    return copy


@pytest.fixture
def config(config_file: Path) -> Config:
    return load(config_file)


@pytest.fixture
def slack() -> Iterator[SandboxServer]:
    with SandboxServer(limits=RateLimits.off(), timing=PATIENT) as server:
        yield server


@pytest.fixture
def client(redis_url: str, config: Config) -> Iterator[Client]:
    """The workers' client over the session's Redis; no worker takes the tasks.

    It waits for a slow Redis, as the client of a worker does.
    """
    found = connect(WorkerSettings(REDIS_URL=redis_url), config, retry=True)
    yield found
    found.close()


@pytest.fixture
def new_courier(client: Client, slack: SandboxServer) -> Callable[[], Courier]:
    """Create couriers as in separate processes: each one starts without in-memory state."""

    def make(timeout: int = 30) -> Courier:
        settings = BotSettings(
            SLACK_BOT_TOKEN=slack.app.bot_token, SLACK_API_URL=slack.api_url, SLACK_SIGNING_SECRET="s"
        )
        return Courier(client, Slack(settings, timeout=timeout))

    return make


@pytest.fixture
def courier(new_courier: Callable[[], Courier]) -> Courier:
    return new_courier()


@pytest.fixture
def talk(slack: SandboxServer, client: Client, config: Config) -> Iterator[Conversation]:
    with conversation(slack, client, config) as found:
        yield found


@pytest.fixture
def broken(talk: Conversation) -> Conversation:
    """A conversation after a command that found a broken gateway."""
    talk.say("/egress-diag weu egw")
    return talk
