"""Command to complete thread through every process: HTTP with signatures, and Socket Mode."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import urllib3

from bot.sandbox import RateLimits, SandboxServer, StoredMessage, signed_headers
from bot.sandbox.event_delivery import http_body
from tests.bot.conftest import write_config
from tests.redis_server import RedisServer
from tests.system import EGRESS_DIAG, PATIENT, System, complete, shows_verdict, slot, slots, whole_thread

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module", params=["http", "socket"])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp(request.param)
    redis = RedisServer(folder)
    redis.start()
    try:
        with (
            SandboxServer(limits=RateLimits.off(), timing=PATIENT) as slack,
            System(folder, redis, slack, write_config(folder), socket_mode=request.param == "socket") as system,
        ):
            if request.param == "socket":
                system.wait(lambda: slack.connected, 60, "no socket")
            yield system
    finally:
        redis.kill()


@pytest.fixture(scope="module")
def over_http(system: System) -> System:
    """The system over HTTP.

    For what Slack signs there, and for answers that are the same over a socket.
    """
    if "SLACK_APP_TOKEN" in system.environment:
        pytest.skip("only over HTTP")
    return system


def new_thread(system: System, text: str, user: str = "U0ALICE") -> int:
    """Type a command while no run is active; return the number of its thread."""
    idle(system)
    count = len([m for m in system.slack.messages() if slot(m) == "parent"])
    ack = system.slack.say(text, user=user)
    assert ack.ok, ack
    return count


def idle(system: System) -> None:
    """Wait until everything that earlier tests started has ended; then end every incident."""
    system.idle()
    system.end_incidents()


def ended(system: System, number: int) -> None:
    def over() -> bool:
        thread = whole_thread(system.slack, number=number)
        return bool(thread) and shows_verdict(thread[0]) and complete(thread)

    system.wait(over, 90, "the thread is not complete")


def test_a_command_becomes_a_complete_thread(system: System) -> None:
    number = new_thread(system, "/egress-diag weu EGW")
    ended(system, number)
    thread = whole_thread(system.slack, number=number)
    assert "node pool" in thread[0].text[:90]
    assert "gwpol" in thread[0].text
    # The verdict is delivered before the remaining progress.
    found = "finding/gateway-pool-missing"
    system.wait(lambda: found in slots(whole_thread(system.slack, number=number)), 60, "the finding is not delivered")


def test_a_healthy_gateway_is_two_messages(over_http: System) -> None:
    number = new_thread(over_http, "/egress-diag prod-neu team-egress/egw")
    ended(over_http, number)
    thread = whole_thread(over_http.slack, number=number)
    warned = [m for m in thread if slot(m).startswith(("finding/", "unknown/"))]
    assert len(thread) - len(warned) == 2


def test_a_mistake_is_answered_to_the_person_alone_with_a_button_that_corrects_it(system: System) -> None:
    idle(system)
    before = len(system.slack.messages())
    ack = system.slack.say("/egress-diag prod-wue team-egress/egw")
    assert ack.message is not None
    assert ack.message.only_for == "U0ALICE"
    assert 'No cluster "prod-wue". Did you mean prod-weu' in ack.message.text.replace("\u2060", "")
    assert not any("prod-wue" in message.shown for message in system.slack.messages())
    assert system.slack.press(ack.message, "suggestion/0").ok
    system.wait(lambda: len(system.slack.messages()) > before, 60, "the suggestion does not run")


def test_an_unknown_gateway_is_answered_privately(over_http: System) -> None:
    """Before, a thread in the channel called it broken."""
    idle(over_http)
    assert over_http.slack.say("/egress-diag prod-neu unknown-gateway").ok
    over_http.wait(
        lambda: any(
            'No egress gateway "unknown-gateway"' in m.shown for m in over_http.slack.ephemerals(user="U0ALICE")
        ),
        60,
        "no private answer",
    )
    idle(over_http)
    assert not any("unknown-gateway" in message.shown for message in over_http.slack.messages())


def test_a_refusal_names_the_contact_for_access(over_http: System) -> None:
    idle(over_http)
    ack = over_http.slack.say("/egress-diag prod-weu egw", channel="C0PAY")
    assert ack.ok
    over_http.wait(lambda: over_http.slack.messages("C0PAY"), 60, "nothing is shown")
    idle(over_http)
    config = Path(over_http.environment["EGRESS_DIAG_CONFIG"])
    assert "C0PAY" in config.read_text(encoding="utf-8"), "the channel named by the refusal is allowed"
    ack = over_http.slack.say("/egress-diag list", channel="C0PAY")
    assert ack.message is not None
    assert "prod-weu" in ack.message.shown


def test_list_shows_the_gateways_with_their_last_verdict(over_http: System) -> None:
    ended(over_http, new_thread(over_http, "/egress-diag prod-weu egw"))
    before = len(over_http.slack.ephemerals(user="U0ALICE", channel="C0OPS"))
    assert over_http.slack.say("/egress-diag list prod-weu").ok
    over_http.wait(lambda: len(over_http.slack.ephemerals(user="U0ALICE", channel="C0OPS")) > before, 60, "no list")
    assert "team-egress/egw" in over_http.slack.ephemerals(user="U0ALICE", channel="C0OPS")[-1].shown
    assert "broken" in over_http.slack.ephemerals(user="U0ALICE", channel="C0OPS")[-1].shown


def test_a_redelivered_command_starts_no_second_run(over_http: System) -> None:
    number = new_thread(over_http, "/egress-diag prod-weu egw")
    sent = over_http.slack.deliveries("slash_commands")[-1].payload
    body, kind = http_body("slash_commands", sent)
    for retry in (1, 2):
        headers = {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"}
        assert post(over_http, body, kind, int(time.time()), headers=headers) == 200
    ended(over_http, number)
    over_http.idle()
    assert len([m for m in over_http.slack.messages() if slot(m) == "parent"]) == number + 1


def test_a_second_person_is_referred_to_the_active_run(over_http: System) -> None:
    idle(over_http)  # an active run of another test would answer both
    with ThreadPoolExecutor(2) as pool:
        acks = list(pool.map(lambda u: over_http.slack.say("/egress-diag prod-weu egw", user=u), ["U0ALICE", "U0BOB"]))
    assert all(ack.ok for ack in acks)
    answers = [ack.message.shown for ack in acks if ack.message]
    assert len(answers) <= 1
    assert all("already started this check" in each for each in answers)


@pytest.mark.parametrize(("secret", "age"), [("another app's", 0), ("", 0), (None, 301), (None, -301), (None, 86400)])
def test_forged_and_old_requests_are_refused(over_http: System, secret: str | None, age: int) -> None:
    idle(over_http)
    before = len(over_http.slack.messages())
    sent = {"command": "/egress-diag", "text": "prod-weu egw", "user_id": "U0ALICE", "channel_id": "C0OPS"}
    body, kind = http_body("slash_commands", {**sent, "trigger_id": f"forged {secret} {age}", "team_id": "T0SANDBOX"})
    assert post(over_http, body, kind, int(time.time()) - age, secret=secret) == 401
    assert len(over_http.slack.messages()) == before


def test_a_body_that_was_changed_after_signing_is_refused(over_http: System) -> None:
    body, kind = http_body("slash_commands", {"command": "/egress-diag", "text": "prod-neu egw"})
    headers = signed_headers(body, over_http.slack.app.signing_secret, int(time.time()))
    answer = request(over_http, body.replace(b"neu", b"weu"), {"Content-Type": kind, **headers})
    assert answer.status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"payload=%7B",
        b"payload=null",
        b"payload=%5B1%5D",
        b"\xff\xfe\x00",
        b"command=%2Fother",
        b"a" * 100_000,
    ],
)
def test_signed_invalid_requests_are_answered_without_a_traceback(over_http: System, body: bytes) -> None:
    for kind in ("application/x-www-form-urlencoded", "application/json"):
        headers = signed_headers(body, over_http.slack.app.signing_secret, int(time.time()))
        answer = request(over_http, body, {"Content-Type": kind, **headers})
        assert answer.status < 600
        assert b"Traceback" not in answer.data
    assert over_http.ready() == 200


def test_health_readiness_and_metrics(over_http: System) -> None:
    http = urllib3.PoolManager()
    url = f"http://127.0.0.1:{over_http.health_port}"
    assert http.request("GET", f"{url}/healthz").data == b"ok"
    over_http.wait(lambda: http.request("GET", f"{url}/readyz").data == b"ok", 60, "the listener is not ready")
    metrics = http.request("GET", f"{url}/metrics").data.decode()
    assert "egress_diag_acknowledge_seconds_bucket" in metrics
    http.clear()


def test_twenty_commands_at_once_are_acknowledged_in_time(over_http: System) -> None:
    with ThreadPoolExecutor(20) as pool:
        acks = list(pool.map(lambda n: over_http.slack.say(f"/egress-diag prod-neu gateway-{n}"), range(20)))
    assert all(ack.ok for ack in acks), [ack.error for ack in acks if not ack.ok]
    seconds = sorted(ack.seconds for ack in acks)
    # A busy machine can delay any one of them; what the listener does delays most of them.
    assert seconds[len(seconds) // 2] < 3, seconds
    expected = {f'No egress gateway "gateway-{n}"' for n in range(20)}
    over_http.wait(
        lambda: all(any(answer in m.shown for m in over_http.slack.ephemerals(user="U0ALICE")) for answer in expected),
        60,
        "not every command has its private answer",
    )
    # A gateway that does not exist has a thread until that is known. Cards of other tests have commands with "gateway-name".
    over_http.wait(
        lambda: not any(re.search(r"\bgateway-\d", message.shown) for message in over_http.slack.messages()),
        60,
        "a thread for a gateway that does not exist remains",
    )


def test_no_token_is_in_any_log(system: System) -> None:
    for name in ("worker", "beat", "listener", "courier"):
        log = system.log(name)
        for secret in ("xoxb-", "xapp-", system.slack.app.signing_secret):
            assert secret not in log, name
        assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]


def test_the_socket_reconnects_after_slack_has_closed_it(system: System) -> None:
    if "SLACK_APP_TOKEN" not in system.environment:
        pytest.skip("only Socket Mode has a socket")
    idle(system)
    system.slack.faults.disconnect_sockets()
    system.wait(lambda: system.slack.say("/egress-diag help").ok, 60, "no new socket")
    number = new_thread(system, "/egress-diag prod-weu egw")
    ended(system, number)


# Redis


@pytest.fixture
def own(tmp_path: Path) -> Iterator[System]:
    """A system with its own Redis, for tests that stop it."""
    redis = RedisServer(tmp_path)
    redis.start()
    try:
        with (
            SandboxServer(limits=RateLimits.off(), timing=PATIENT) as slack,
            System(tmp_path, redis, slack, write_config(tmp_path)) as system,
        ):
            yield system
    finally:
        redis.kill()


def test_redis_down_or_hanging_is_reported_within_the_deadline(own: System) -> None:
    own.redis.kill()
    reported_unavailable(own)
    own.redis.start()
    assert own.redis.process is not None
    os.kill(own.redis.process.pid, signal.SIGSTOP)
    try:
        reported_unavailable(own)
        assert own.ready() == 503
    finally:
        os.kill(own.redis.process.pid, signal.SIGCONT)
    own.wait(lambda: own.ready() == 200, 60, "the listener does not recover")
    number = new_thread(own, "/egress-diag prod-weu egw")
    ended(own, number)


def reported_unavailable(system: System) -> None:
    def answers() -> list[StoredMessage]:
        return list(system.slack.ephemerals(user="U0ALICE"))

    seconds = []
    for number, text in enumerate(("prod-weu egw", "list prod-weu", "cancel"), len(answers()) + 1):
        ack = system.slack.say(f"/egress-diag {text}")
        assert ack.ok, (text, ack)
        seconds.append(ack.seconds)
        # On a busy machine, a command is acknowledged first and answered later.
        system.wait(partial(has_at_least, answers, number), 60, f"no answer to {text}")
        assert "Redis" in answers()[-1].shown
    assert sorted(seconds)[1] < 3, seconds
    assert system.slack.say("/egress-diag help").ok


def has_at_least(messages: Callable[[], list[StoredMessage]], number: int) -> bool:
    return len(messages()) >= number


# starting


@pytest.mark.parametrize(
    ("role", "given", "named"),
    [
        ("all", {}, "SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET"),
        ("listener", {"SLACK_BOT_TOKEN": "xoxb-x"}, "SLACK_SIGNING_SECRET"),
        ("courier", {"SLACK_APP_TOKEN": "xapp-x"}, "SLACK_BOT_TOKEN"),
    ],
)
def test_missing_tokens_are_reported(config_file: Path, role: str, given: dict[str, str], named: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLACK_")}  # noqa: TID251
    environment |= {"EGRESS_DIAG_CONFIG": str(config_file), **given}
    done = subprocess.run(
        [*EGRESS_DIAG, "bot", "--role", role], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert f"set {named} in the environment" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreadable_configuration_is_reported(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("clusters: [{nam: x}]", encoding="utf-8")
    environment = {**os.environ, "SLACK_BOT_TOKEN": "xoxb-x", "SLACK_SIGNING_SECRET": "s"}  # noqa: TID251
    for command in ("bot", "worker", "beat"):
        done = subprocess.run(
            [*EGRESS_DIAG, command, "--config", str(broken)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 2
        assert re.search(r"broken\.yaml: clusters\.0\.nam", done.stderr), done.stderr


def test_the_bot_starts_while_slack_and_redis_are_down_and_ends_on_sigterm(tmp_path: Path, free_port: int) -> None:
    environment = {
        **os.environ,  # noqa: TID251 - as above
        "EGRESS_DIAG_CONFIG": str(write_config(tmp_path)),
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SLACK_API_URL": "http://127.0.0.1:1/api/",
        "SLACK_BOT_TOKEN": "xoxb-x",
        "SLACK_SIGNING_SECRET": "s",
    }
    words = [*EGRESS_DIAG, "bot", "--bind", "127.0.0.1", "--port", "0", "--health-port", str(free_port)]
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        http, until, status = urllib3.PoolManager(retries=False), time.monotonic() + 90, 0
        while status == 0 and time.monotonic() < until:
            try:
                status = http.request("GET", f"http://127.0.0.1:{free_port}/readyz").status
            except urllib3.exceptions.HTTPError:
                time.sleep(0.1)
        assert status == 503
        http.clear()
        process.terminate()
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.communicate()


def post(
    system: System, body: bytes, kind: str, at: int, *, secret: str | None = None, headers: dict[str, str] | None = None
) -> int:
    """Send a signed request, and return the status."""
    signature = signed_headers(body, system.slack.app.signing_secret if secret is None else secret, at)
    return request(system, body, {"Content-Type": kind, **signature, **(headers or {})}).status


def request(system: System, body: bytes, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
    with urllib3.PoolManager(retries=False) as http:
        return http.request("POST", f"http://127.0.0.1:{system.port}/slack/events", body=body, headers=headers)
