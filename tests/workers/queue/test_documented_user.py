"""The whole system as a Redis user with exactly the permissions in docs/redis.md#acl."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from bot.sandbox import RateLimits, SandboxServer
from tests.clusters.compose import named, write_bundle
from tests.redis_server import RedisServer
from tests.system import EGRESS_DIAG, PATIENT, System, complete, whole_thread

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
PASSWORD = "a/b="


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis with the documented user, without the user `default`; root may do everything.

    The page names no channel: after resetchannels, PUBLISH and SUBSCRIBE are refused.
    """
    page = (ROOT / "docs/redis.md").read_text()
    ((rights, keys),) = re.findall(r"The user needs `([^`]*)` on `([^`]*)`", page)
    found = RedisServer(tmp_path, durable=True)
    found.start()
    with redis.Redis(port=found.port) as admin:
        for user in (
            ["bot", "on", f">{PASSWORD}", keys, "resetchannels", *rights.split()],
            ["root", "on", ">root", "~*", "&*", "+@all"],
            ["default", "off"],
        ):
            admin.execute_command("ACL", "SETUSER", *user)
    yield found
    found.kill()


def use(system: System, slack: SandboxServer) -> dict[str, str]:
    """Run commands, doctor and a restart; return the states of doctor by requirement."""
    slack.say("/egress-diag replay team-egress/egw")
    system.wait(lambda: complete(whole_thread(slack)), 90, "no thread")
    for words in ("watch replay team-egress/egw 5m", "history replay team-egress/egw", "list replay"):
        slack.say(f"/egress-diag {words}")
    for kind in ("watch/", "listing/"):
        system.wait(lambda kind=kind: kind in system.log("courier"), 60, kind)  # type: ignore[misc]
    doctor = [*EGRESS_DIAG, "doctor", "--only", "workers", "--output", "json"]
    done = subprocess.run(doctor, env=system.environment, capture_output=True, text=True, check=False)
    system.restart()
    return {line["requirement"]: line["state"] for line in json.loads(done.stdout)["lines"]}


def test_the_documented_user_can_run_everything_and_nothing_is_refused(server: RedisServer, tmp_path: Path) -> None:
    write_bundle(named("base"), tmp_path / "bundle")
    config = tmp_path / "config.yaml"
    config.write_text(
        f"clusters: [{{name: replay, bundle: '{tmp_path}/bundle'}}]\n"
        "access: [{allow: [diagnose], users: ['*'], channels: [C0OPS]}]\n"
    )
    login = {"REDIS_URL": f"redis://bot@127.0.0.1:{server.port}/0", "REDIS_PASSWORD": PASSWORD}
    with (
        SandboxServer(limits=RateLimits.off(), timing=PATIENT) as slack,
        System(tmp_path, server, slack, config, environment=login) as system,
    ):
        states = use(system, slack)
    with redis.Redis(port=server.port, username="root", password="root", decode_responses=True) as admin:
        refused = [(each["reason"], each["object"], each["username"]) for each in admin.acl_log()]
        commands = set(admin.info("commandstats"))
    assert refused == []
    assert not [name for name in commands if "publish" in name or "subscribe" in name]
    assert {states[f"redis-{name}"] for name in ("password", "cluster", "persistence", "writable")} == {"well"}
