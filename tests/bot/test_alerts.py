"""`POST /alerts`: one check for each incident of a gateway."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

from bot.listeners.alerts import AlertIntake
from bot.sandbox import SandboxServer, StoredMessage
from checks.config.configuration_file import load
from tests.bot.conftest import write_config
from tests.bot.conversation import ALERTS_TOKEN, Conversation, conversation
from tests.clusters.compose import named, write_bundle
from tests.redis_server import find_free_port
from tests.system import slot
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.queue.settings import WorkerSettings
from workers.records.run import Run
from workers.runs.alerts import STARTS_PER_MINUTE

pytestmark = pytest.mark.slow

RECORDED = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in (Path(__file__).parent / "alertmanager").glob("*.json")
}
"""The notifications of one alert, as Alertmanager 0.32.1 sent them."""

BEGAN = datetime.now(UTC) - timedelta(hours=2)
ALERTMANAGER = os.environ.get("ALERTMANAGER", "")  # noqa: TID251 - the program, if it is installed

ENTRY = """alerts:
  - match: {alertname: "EgressGateway.*"}
    cluster: "{{cluster}}"
    gateway: "{{namespace}}/{{service}}"
    channel: C0OPS
"""
ACCESS = """  - {allow: [diagnose], users: ['alerts'], clusters: ['prod-weu', 'prod-neu'], channels: ['C0OPS']}
  - {allow: [], users: ['alerts']}
  - {allow: [diagnose], users: ['*'], channels: ['*']}
"""
MEBIBYTE = 1024 * 1024


@pytest.fixture
def talk(slack: SandboxServer, client: Client, tmp_path: Path) -> Iterator[Conversation]:
    config = load(write_config(tmp_path, more=ENTRY, access=ACCESS))
    client.stores.config = config
    with conversation(slack, client, config) as found:
        yield found


# Alertmanager


def test_the_notifications_of_alertmanager_lead_to_one_card(talk: Conversation) -> None:
    assert sorted(RECORDED) == ["firing", "repeated", "resolved"]
    answers = [send(talk, RECORDED[name]) for name in ("firing", "repeated", "resolved", "resolved")]
    assert [outcomes(answer) for answer in answers] == [["started"], ["known"], ["resolved"], ["known"]]
    assert len(talk.parents) == 1
    assert "🔕 Alert resolved <!date" in latest(talk, talk.parents[0]).shown


@pytest.mark.skipif(not ALERTMANAGER, reason="ALERTMANAGER does not name the program")
def test_a_real_alertmanager_posts_to_the_bot(talk: Conversation, tmp_path: Path) -> None:
    url, port = (talk.slack.request_url or "").replace("/slack/events", "/alerts"), find_free_port()
    (tmp_path / "token").write_text(f"{ALERTS_TOKEN}\n")
    hook = f"{{url: '{url}', http_config: {{authorization: {{credentials_file: '{tmp_path / 'token'}'}}}}}}"
    (tmp_path / "alertmanager.yml").write_text(
        "route: {receiver: egress-diag, group_wait: 1s, group_interval: 2s, repeat_interval: 3s}\n"
        f"receivers: [{{name: egress-diag, webhook_configs: [{hook}]}}]\n"
    )
    options = [f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/data"]
    options += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with (tmp_path / "log").open("w") as log, subprocess.Popen([ALERTMANAGER, *options], stdout=log, stderr=log) as it:
        try:
            one = {**RECORDED["firing"]["alerts"][0], "startsAt": datetime.now(UTC).isoformat()}
            sent = {name: one[name] for name in ("labels", "annotations", "startsAt", "generatorURL")}
            deliver = f"http://127.0.0.1:{port}/api/v2/alerts"
            with urllib3.PoolManager(retries=urllib3.Retry(8, backoff_factor=0.2)) as http:
                assert http.request("POST", deliver, json=[sent]).status == 200
                talk.slack.wait_until(lambda: talk.client.active(Run))
                talk.play()
                time.sleep(7)
                talk.play()
                assert len(runs(talk)) == 1, "a repeated notification adds nothing"
                ended = {**sent, "endsAt": datetime.now(UTC).isoformat()}
                assert http.request("POST", deliver, json=[ended]).status == 200
            talk.slack.wait_until(lambda: talk.client.active(Run))
            talk.play()
        finally:
            it.terminate()
    assert len(talk.parents) == 1
    assert "🔕 Alert resolved <!date" in latest(talk, talk.parents[0]).shown


# one incident


def test_an_alert_leads_to_one_card_and_a_repeated_one_adds_nothing(talk: Conversation) -> None:
    assert outcomes(send(talk, alert())) == ["started"]
    (parent,) = talk.parents
    card = latest(talk, parent)
    assert "*Broken:*" in card.shown
    assert "an alert · " in card.shown, "no user has requested the check"
    assert "🔔 Alert firing since" in card.shown
    assert "`EgressGatewayDown`" in card.shown
    assert "<@alerts>" not in str([m.blocks for m in everything(talk)])
    before = snapshot(talk)
    for _ in range(3):
        assert outcomes(send(talk, alert())) == ["known"]
    assert snapshot(talk) == before
    assert len(runs(talk)) == 1


def test_a_resolved_alert_is_reported_in_the_thread_and_the_gateway_is_checked_again(
    talk: Conversation, tmp_path: Path
) -> None:
    send(talk, alert())
    fix(talk, tmp_path)
    ended = BEGAN + timedelta(minutes=41)
    assert outcomes(send(talk, alert(ended=ended))) == ["resolved"]
    (parent,) = talk.parents
    card = latest(talk, parent)
    assert "✅ *Recovered" in card.shown
    assert "🔕 Alert resolved <!date" in card.shown
    (line,) = [m.shown for m in talk.slack.thread(card) if slot(m).startswith("alert/")]
    assert line.startswith("🔕 Alert resolved <!date")
    assert line.endswith("after 41 min: `EgressGatewayDown`")
    before = snapshot(talk)
    assert outcomes(send(talk, alert(ended=ended))) == ["known"]
    assert snapshot(talk) == before


def test_a_resolved_alert_does_not_make_a_broken_gateway_healthy(talk: Conversation) -> None:
    send(talk, alert())
    send(talk, alert(ended=BEGAN + timedelta(minutes=5)))
    (parent,) = talk.parents
    assert "*Broken:*" in latest(talk, parent).shown
    assert "🔕 Alert resolved <!date" in latest(talk, parent).shown


def test_an_alert_about_a_healthy_gateway_that_flaps_has_one_message(talk: Conversation) -> None:
    neu = {"cluster": "prod-neu"}
    for minute in (0, 10, 20):
        start = BEGAN + timedelta(minutes=minute)
        send(talk, alert(labels=neu, start=start))
        send(talk, alert(labels=neu, start=start, ended=start + timedelta(minutes=3)))
    (parent,) = talk.parents
    assert "*Healthy:*" in latest(talk, parent).shown
    lines = [m.shown for m in talk.slack.thread(parent) if slot(m).startswith("alert/")]
    assert [line[0] for line in lines] == ["🔕", "🔔", "🔕", "🔔", "🔕"]


def test_further_alerts_join_the_incident(talk: Conversation) -> None:
    send(talk, alert())
    other = alert(labels={"alertname": "EgressGatewayLatency"}, fingerprint="aa")
    assert outcomes(send(talk, other)) == ["joined"]
    assert len(runs(talk)) == 1
    card = latest(talk, talk.parents[0])
    assert "`EgressGatewayDown`, `EgressGatewayLatency`" in card.shown
    assert "🔔 Alert firing since" in next(m.shown for m in talk.slack.thread(card) if slot(m) == "alert/2")
    ended = BEGAN + timedelta(minutes=5)
    assert outcomes(send(talk, alert(ended=ended))) == ["resolved"]
    assert len(runs(talk)) == 1, "another alert still fires"


def test_a_further_alert_long_after_the_last_check_starts_another_one_in_the_thread(talk: Conversation) -> None:
    send(talk, alert())
    (run,) = runs(talk)
    earlier = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    talk.client.stores.redis.hset(f"egress-diag:run:{run}", "ended", earlier)
    other = alert(labels={"alertname": "EgressGatewayLatency"}, fingerprint="aa")
    assert outcomes(send(talk, other)) == ["started"]
    assert len(talk.parents) == 1
    assert [slot(m) for m in talk.slack.thread(talk.parents[0])].count("parent") >= 1


def test_an_alert_of_a_gateway_with_a_card_is_answered_in_its_thread(talk: Conversation) -> None:
    talk.say("/egress-diag weu egw")
    assert outcomes(send(talk, alert())) == ["started"]
    assert len(talk.parents) == 1
    card = latest(talk, talk.parents[0])
    assert "🔔 Alert firing since" in card.shown
    assert "Still broken" in [m.shown for m in talk.slack.thread(card) if slot(m) == "parent"][-1]
    assert "· an alert" in [m.shown for m in talk.slack.thread(card) if slot(m) == "parent"][-1]


def test_a_person_who_asks_during_the_check_of_an_alert_joins_it(talk: Conversation) -> None:
    post(talk, alert())
    ack = talk.say("/egress-diag prod-weu team-egress/egw")
    assert ack.message is not None
    assert ack.message.shown.startswith("An alert has already started this check.")


def test_two_notifications_at_the_same_time_start_one_check(talk: Conversation) -> None:
    answers: list[urllib3.BaseHTTPResponse] = []
    threads = [threading.Thread(target=lambda: answers.append(post(talk, alert()))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    talk.play()
    assert [answer.status for answer in answers] == [200] * 6
    assert len(runs(talk)) == 1
    assert len(talk.parents) == 1


def test_a_lost_resolution_does_not_hide_the_next_incident(talk: Conversation) -> None:
    send(talk, alert())
    assert outcomes(send(talk, alert(start=BEGAN + timedelta(minutes=1)))) == ["known"], "Prometheus was restarted"
    move_seen(talk, timedelta(days=3))
    assert outcomes(send(talk, alert(start=datetime.now(UTC)))) == ["started"]


def test_a_gateway_that_does_not_exist_is_reported_in_the_channel(talk: Conversation) -> None:
    """No one reads a private answer to an alert."""
    assert outcomes(send(talk, alert(labels={"service": "egx"}))) == ["started"]
    (parent,) = talk.parents
    assert "Not checked" in latest(talk, parent).shown
    assert not talk.slack.ephemerals()


# input that is refused


def test_the_token_is_compared_before_the_body_is_read(talk: Conversation) -> None:
    for header in ("", "Bearer wrong", ALERTS_TOKEN, f"Basic {ALERTS_TOKEN}", f"Bearer {ALERTS_TOKEN}x"):
        answer = post(talk, alert(), authorization=header)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "bearer token" in answer.data.decode()
    assert post(talk, b"x" * (10 * MEBIBYTE), authorization="Bearer wrong").status in (0, 401)
    assert not runs(talk)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "notification of Alertmanager: alerts is missing"),
        (b'{"alerts": []}', "alerts has no alert"),
        (b'{"alerts": [{"status": "firing"}]}', "alerts[0].labels is missing; alerts[0].startsAt is missing"),
        (b'{"alerts": 7}', "alerts is not a list"),
        (b'{"alerts": ["x"]}', "alerts[0] is not an object"),
    ],
)
def test_a_body_that_is_no_notification_has_its_own_answer(talk: Conversation, body: bytes, said: str) -> None:
    answer = post(talk, body)
    assert answer.status == 400
    assert said in answer.data.decode()
    assert "Input should" not in answer.data.decode()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("status", "pending", 'alerts[0].status is neither "firing" nor "resolved"'),
        ("startsAt", "yesterday", "alerts[0].startsAt is not a time such as 2026-11-30T14:00:00Z"),
        ("startsAt", "2026-11-30T02:04:05", "alerts[0].startsAt has no time zone"),
        ("startsAt", "0001-01-01T00:00:00Z", "alerts[0].startsAt is a time before the year 2000"),
        ("fingerprint", "a b", "alerts[0].fingerprint is not 1 to 64 letters and digits"),
        ("labels", ["x"], "alerts[0].labels is not an object"),
        ("labels", {"alertname": 7}, "alerts[0].labels.alertname is not text"),
        ("labels", {"alertname": "x" * 5000}, "alerts[0].labels.alertname is longer than 4000 characters"),
    ],
)
def test_a_wrong_field_of_an_alert_is_named_in_our_words(
    talk: Conversation, name: str, value: object, said: str
) -> None:
    """The answer had the words of the library that reads it."""
    sent = alert()
    sent["alerts"][0][name] = value
    answer = send(talk, sent)
    assert answer.status == 400
    assert answer.data.decode() == f"the body is no notification of Alertmanager: {said}\n"


@pytest.mark.parametrize(
    "start", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-30T02:04:05", "0001-01-01T00:00:00+14:00"]
)
def test_an_odd_time_causes_no_internal_error(talk: Conversation, start: str) -> None:
    sent = alert()
    sent["alerts"][0]["startsAt"] = start
    assert send(talk, sent).status in (200, 400)
    assert all("9999" not in m.shown for m in everything(talk))


def test_a_large_body_is_refused(talk: Conversation) -> None:
    answer = post(talk, b"x" * (10 * MEBIBYTE))
    assert answer.status in (0, 413), "the connection may break while the rest is sent"
    padded = alert()
    padded["alerts"][0]["annotations"]["padding"] = "x" * MEBIBYTE
    answer = post(talk, padded)
    assert answer.status == 413
    assert f"the limit is {MEBIBYTE} bytes" in answer.data.decode()


@pytest.mark.parametrize(
    ("labels", "status", "said"),
    [
        ({"alertname": "DiskFull"}, 422, "no entry of `alerts` matches 'DiskFull' of receiver 'egress-diag'"),
        ({"service": None}, 422, "'EgressGatewayDown' names no gateway: the alert has no label service"),
        ({"service": "a b"}, 422, "is not a Kubernetes name"),
        ({"cluster": "prod"}, 422, "names no cluster that the user `alerts` may check: 'prod'"),
        ({"cluster": "nowhere"}, 422, "names no cluster that the user `alerts` may check: 'nowhere'"),
    ],
)
def test_an_alert_that_names_no_gateway_is_refused_with_the_reason(
    talk: Conversation, labels: dict[str, str | None], status: int, said: str
) -> None:
    answer = send(talk, alert(labels=labels))
    assert answer.status == status
    assert said in answer.json()["not_accepted"][0]["reason"]
    assert not talk.parents


def test_the_access_rules_apply_to_the_user_alerts(slack: SandboxServer, client: Client, tmp_path: Path) -> None:
    rule = "  - {allow: [diagnose], users: [alerts], clusters: [prod-weu], channels: ['C0OPS'], gateways: ['other']}\n"
    config = load(write_config(tmp_path, more=ENTRY, access=rule))
    with conversation(slack, client, config) as talk:
        answer = send(talk, alert())
        assert answer.status == 403
        reason = answer.json()["not_accepted"][0]["reason"]
        assert reason == "no access rule lets the user `alerts` check prod-weu team-egress/egw in channel C0OPS"
        assert not talk.parents


def test_a_cluster_that_the_rules_hide_from_alerts_is_answered_like_one_that_does_not_exist(
    slack: SandboxServer, client: Client, tmp_path: Path
) -> None:
    rule = "  - {allow: [diagnose], users: ['U0ALICE'], channels: ['C0OPS']}\n"
    config = load(write_config(tmp_path, more=ENTRY, access=rule))
    with conversation(slack, client, config) as talk:
        answers = [send(talk, alert(labels={"cluster": name})) for name in ("prod-weu", "prod-wxu")]
        said = [(each.status, each.data.decode().replace("prod-weu", "prod-wxu")) for each in answers]
        assert said[0] == said[1]
        assert not talk.parents


def test_500_alerts_of_one_gateway_start_one_check(talk: Conversation) -> None:
    sent = many(500, lambda number: {"pod": f"client-{number}"})
    began_at = time.monotonic()
    answer = post(talk, sent)
    print(f"500 alerts of one gateway: {time.monotonic() - began_at:.2f} s")
    assert (answer.status, outcomes(answer)) == (200, ["started"])
    talk.play()
    assert len(runs(talk)) == 1
    assert "`EgressGatewayDown`" in latest(talk, talk.parents[0]).shown


def test_500_alerts_of_500_gateways_start_checks_at_a_limited_rate(talk: Conversation) -> None:
    sent = many(500, lambda number: {"service": f"egw-{number}"})
    began_at = time.monotonic()
    answer = post(talk, sent)
    print(f"500 alerts of 500 gateways: {time.monotonic() - began_at:.2f} s")
    assert answer.status == 503, "Alertmanager sends the notification again"
    started = len(answer.json()["accepted"])
    assert started in (STARTS_PER_MINUTE, 2 * STARTS_PER_MINUTE), "a minute may end in between"
    assert answer.json()["not_accepted"] == [
        {
            "reason": "too many checks were started in this minute; send the notification again",
            "gateways": 500 - started,
        }
    ]
    assert len(talk.client.active(Run)) == started
    again = post(talk, sent)
    assert again.status == 503
    assert [each["outcome"] for each in again.json()["accepted"]].count("known") == started


def test_text_of_an_alert_cannot_mention_anyone(talk: Conversation) -> None:
    name = "EgressGateway <!channel> *bold* `x` xoxb-12345678901-abcdefghijkl"
    send(talk, alert(labels={"alertname": name}))
    card = latest(talk, talk.parents[0])
    assert "<!channel>" not in str(card.blocks)
    assert "xoxb-12345678901" not in str(card.blocks)


# the acknowledgement of commands


def test_alerts_that_wait_do_not_delay_a_command(talk: Conversation) -> None:
    """Notifications have threads of their own."""
    release = threading.Event()
    alerts = talk.client.alerts

    class Waiting(type(alerts)):  # type: ignore[misc]
        def notified(self, *given: Any, **more: Any) -> Any:
            release.wait(20)
            return super().notified(*given, **more)

    talk.client.alerts = Waiting(talk.client.stores, talk.client.start)
    senders = [threading.Thread(target=post, args=(talk, alert(fingerprint=f"{n}"))) for n in range(40)]
    for sender in senders:
        sender.start()
    time.sleep(0.5)
    try:
        began_at = time.monotonic()
        assert talk.slack.say("/egress-diag list").ok
        assert time.monotonic() - began_at < 10, "the command waited for the notifications"
    finally:
        release.set()
        for sender in senders:
            sender.join()


def test_without_redis_alertmanager_sends_the_notification_again(talk: Conversation) -> None:
    down = connect(WorkerSettings(REDIS_URL=f"redis://127.0.0.1:{find_free_port()}/0"), talk.config)
    intake, began_at = AlertIntake(talk.config, down), time.monotonic()
    sent = many(200, lambda number: {"service": f"egw-{number}"})
    assert intake.answer(json.dumps(sent).encode())[0] == 503
    assert time.monotonic() - began_at < 5, "the rest is not tried"
    status, text = intake.answer(json.dumps(alert()).encode())
    down.close()
    assert status == 503
    assert json.loads(text)["not_accepted"] == [{"reason": "the queue (Redis) cannot be reached", "gateways": 1}]
    assert outcomes(send(talk, alert())) == ["started"]


# helpers


def alert(
    *,
    labels: dict[str, Any] | None = None,
    fingerprint: str = "",
    start: datetime | None = None,
    ended: datetime | None = None,
) -> dict[str, Any]:
    """The notification with other labels (None removes one), another beginning, or resolved."""
    sent = copy.deepcopy(RECORDED["firing"])
    one = sent["alerts"][0]
    merged = {**one["labels"], **(labels or {})}
    one["labels"] = {name: value for name, value in merged.items() if value is not None}
    one["fingerprint"] = fingerprint or one["fingerprint"]
    one["startsAt"] = (start or BEGAN).isoformat()
    if ended is not None:
        one |= {"status": "resolved", "endsAt": ended.isoformat()}
    return dict(sent)


def many(count: int, labels: Any) -> dict[str, Any]:
    """A notification of so many alerts."""
    sent = copy.deepcopy(RECORDED["firing"])
    sent["alerts"] = [alert(labels=labels(n), fingerprint=f"{n:016x}")["alerts"][0] for n in range(count)]
    return dict(sent)


def post(talk: Conversation, body: Any, authorization: str = f"Bearer {ALERTS_TOKEN}") -> urllib3.BaseHTTPResponse:
    url = (talk.slack.request_url or "").replace("/slack/events", "/alerts")
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": authorization} if authorization else {})}
    with urllib3.PoolManager(retries=False, timeout=30) as http:
        try:
            return http.request("POST", url, body=raw, headers=headers)
        except urllib3.exceptions.ProtocolError:
            return urllib3.HTTPResponse(status=0)


def send(talk: Conversation, body: Any) -> urllib3.BaseHTTPResponse:
    """Post a notification, then do all work that follows."""
    answer = post(talk, body)
    talk.play()
    return answer


def outcomes(answer: urllib3.BaseHTTPResponse) -> list[str]:
    return [each["outcome"] for each in answer.json()["accepted"]]


def latest(talk: Conversation, message: StoredMessage) -> StoredMessage:
    found = talk.slack.latest(message)
    assert found is not None
    return found


def everything(talk: Conversation) -> list[StoredMessage]:
    return list(talk.slack.messages("C0OPS")) + [m for p in talk.parents for m in talk.slack.thread(p)]


def snapshot(talk: Conversation) -> list[tuple[str, str]]:
    return [(m.ts, latest(talk, m).shown) for m in everything(talk)]


def runs(talk: Conversation) -> list[str]:
    """The ids of the runs that are stored."""
    keys = talk.client.stores.redis.keys("egress-diag:run:*")
    return sorted({str(key).split(":")[2] for key in keys})


def fix(talk: Conversation, folder: Path) -> None:
    write_bundle(named("base"), folder / "fixed")
    config = talk.diagnoser.clusters.config
    clusters = tuple(
        each.model_copy(update={"bundle": folder / "fixed"}) if each.name == "prod-weu" else each
        for each in config.clusters
    )
    talk.diagnoser.clusters.config = config.model_copy(update={"clusters": clusters})


def move_seen(talk: Conversation, span: timedelta) -> None:
    """Let the alerts of all threads be last reported some time ago."""
    for key in talk.client.stores.redis.keys("egress-diag:alerts:*"):
        record = json.loads(talk.client.stores.redis.get(key) or "{}")
        for line in record["lines"]:
            line["seen"] = (datetime.fromisoformat(line["seen"]) - span).isoformat()
        talk.client.stores.redis.set(key, json.dumps(record))
