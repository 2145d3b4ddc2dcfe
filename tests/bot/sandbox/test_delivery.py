"""User actions in the sandbox reach a real Bolt app over signed HTTP requests.

The answers are shown as in Slack.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import urllib3
from slack_bolt import App as Bolt
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bot.sandbox import NoSuchElement, SandboxServer, Timing, signed_headers
from bot.sandbox.event_delivery import http_body

pytestmark = pytest.mark.slow


def button(action_id: str, value: str = "run-1") -> dict[str, Any]:
    text = {"type": "plain_text", "text": action_id}
    return {"type": "actions", "elements": [{"type": "button", "action_id": action_id, "text": text, "value": value}]}


def test_a_command_is_answered_to_the_person_alone(slack: SandboxServer, bolt: Bolt) -> None:
    @bolt.command("/egress-diag")
    def diagnose(ack: Any, command: dict[str, str]) -> None:
        ack(f"checking {command['text']} for <@{command['user_id']}>")

    ack = slack.say("/egress-diag prod-weu egress-payments", user="U0BOB")
    assert ack.ok
    assert ack.message is not None
    assert (ack.message.only_for, ack.message.shown) == ("U0BOB", "checking prod-weu egress-payments for <@U0BOB>")
    assert slack.messages("C0OPS") == ()


def test_an_answer_can_be_visible_to_the_channel(slack: SandboxServer, bolt: Bolt) -> None:
    @bolt.command("/egress-diag")
    def diagnose(ack: Any) -> None:
        ack(response_type="in_channel", text="checking", blocks=[button("stop")])

    slack.say("/egress-diag prod-weu x")
    assert [m.buttons for m in slack.messages("C0OPS")] == [("stop",)]


@pytest.mark.parametrize("timing", [Timing(answer_seconds=1.0)])
def test_a_missing_answer_is_shown_as_in_slack(slack: SandboxServer, bolt: Bolt) -> None:
    release = threading.Event()

    @bolt.command("/egress-diag")
    def diagnose(ack: Any) -> None:
        release.wait(60)
        ack()

    started = time.monotonic()
    ack = slack.say("/egress-diag prod-weu x")
    release.set()
    assert time.monotonic() - started < 40
    assert ack.error == "operation_timeout"
    assert ack.message is not None
    assert ack.message.shown == '/egress-diag failed with the error "operation_timeout"'


def test_refused_commands(slack: SandboxServer, client: WebClient) -> None:
    assert slack.say("/egress-diag prod-weu x").error == "dispatch_failed"
    slack.request_url = "http://127.0.0.1:9/slack/events"
    assert slack.say("/egress-diag prod-weu x").error == "dispatch_failed"
    assert slack.say("/other x").error == "unknown_command"
    parent = slack.say("hello").message
    assert parent is not None
    assert slack.say("/egress-diag again", thread=parent).error == "not_supported_in_threads"
    assert slack.say("hello", channel="C0OLD").error == "is_archived"


def test_bolt_refuses_a_wrong_secret(slack: SandboxServer, bolt: Bolt) -> None:
    slack.say("/egress-diag list")
    body, content_type = http_body("slash_commands", slack.deliveries()[0].payload)
    now = int(time.time())

    def status(secret: str, timestamp: int) -> int:
        headers = {"Content-Type": content_type} | signed_headers(body, secret, timestamp)
        return urllib3.request("POST", slack.request_url or "", body=body, headers=headers, retries=False).status

    assert status("not the secret", now) == 401
    assert status(slack.app.signing_secret, now - 301) == 401
    assert status(slack.app.signing_secret, now) == 404  # a valid signature, but no listener for the command


def test_a_press_includes_its_message_and_a_response_url(slack: SandboxServer, bolt: Bolt, client: WebClient) -> None:
    pressed: list[dict[str, Any]] = []

    @bolt.action("check_again")
    def check_again(ack: Any, body: dict[str, Any], respond: Any) -> None:
        ack()
        pressed.append(body)
        respond("on it", response_type="ephemeral", replace_original=False)

    ts = client.chat_postMessage(channel="C0OPS", text="broken", blocks=[button("check_again")])["ts"]
    (message,) = slack.messages("C0OPS")
    assert slack.press(message, "check_again", user="U0CAROL").ok
    slack.wait_until(lambda: slack.ephemerals(user="U0CAROL"))
    (body,) = pressed
    assert body["user"]["id"] == "U0CAROL"
    assert body["container"] == {"type": "message", "message_ts": ts, "channel_id": "C0OPS", "is_ephemeral": False}
    assert (body["actions"][0]["value"], body["message"]["ts"]) == ("run-1", ts)

    slack.press(message, "check_again", value="run-of-another-user")
    slack.wait_until(lambda: len(pressed) == 2)
    assert pressed[-1]["actions"][0]["value"] == "run-of-another-user"
    with pytest.raises(NoSuchElement, match="check_again"):
        slack.press(message, "probe")
    with pytest.raises(NoSuchElement):
        slack.press(message, "check_again", user="U0STRANGER")


def test_an_overflow_menu_sends_the_chosen_option(slack: SandboxServer, bolt: Bolt, client: WebClient) -> None:
    chosen: list[str] = []

    @bolt.action("more")
    def more(ack: Any, action: dict[str, Any]) -> None:
        ack()
        chosen.append(action["selected_option"]["value"])

    options = [{"text": {"type": "plain_text", "text": t}, "value": t} for t in ("report", "history")]
    menu = {"type": "overflow", "action_id": "more", "options": options}
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "accessory": menu}
    client.chat_postMessage(channel="C0OPS", text="x", blocks=[block])
    slack.press(slack.messages("C0OPS")[0], "more", option="history")
    slack.wait_until(lambda: chosen)
    assert chosen == ["history"]


def test_a_response_url_works_five_times_in_thirty_minutes(slack: SandboxServer, bolt: Bolt) -> None:
    slack.say("/egress-diag list")
    slack.say("/egress-diag list")
    first, second = (WebhookClient(d.payload["response_url"]) for d in slack.deliveries("slash_commands"))
    bodies = [first.send(text=str(number)) for number in range(6)]
    assert [b.status_code for b in bodies] == [200] * 5 + [404]
    assert "used_url" in bodies[-1].body
    assert second.send(blocks=[{"type": "shout"}], text="x").status_code == 400
    slack.clock.advance(30 * 60 + 1)
    assert "expired_url" in second.send(text="late").body


def test_the_life_of_a_form(slack: SandboxServer, bolt: Bolt) -> None:
    submitted: list[dict[str, Any]] = []

    def field(block_id: str, element: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "input",
            "block_id": block_id,
            "label": {"type": "plain_text", "text": block_id},
            "element": element,
        }

    @bolt.command("/egress-diag")
    def form(ack: Any, client: WebClient, body: dict[str, Any]) -> None:
        ack()
        view = {
            "type": "modal",
            "callback_id": "diagnose",
            "title": {"type": "plain_text", "text": "Diagnose"},
            "submit": {"type": "plain_text", "text": "Check"},
            "blocks": [
                field("gateway", {"type": "external_select", "action_id": "pick", "min_query_length": 0}),
                field("host", {"type": "plain_text_input", "action_id": "host"}) | {"optional": True},
            ],
        }
        client.views_open(trigger_id=body["trigger_id"], view=view)

    @bolt.options("pick")
    def offer(ack: Any, payload: dict[str, Any]) -> None:
        ack(
            options=[
                {"text": {"type": "plain_text", "text": f"{payload['value']}-1"}, "value": f"{payload['value']}-1"}
            ]
        )

    @bolt.view("diagnose")
    def submit(ack: Any, view: dict[str, Any]) -> None:
        submitted.append(view["state"]["values"])
        if view["state"]["values"]["host"]["host"]["value"] == "nonsense":
            ack(response_action="errors", errors={"host": "This is not a host."})
        else:
            ack()

    slack.say("/egress-diag")
    view = slack.wait_until(slack.view)
    assert view.title == "Diagnose"
    assert slack.submit_view(view).errors == {"gateway": "Complete this required field."}
    options = slack.type_ahead(view, "pick", "egress")
    assert [option["value"] for option in options] == ["egress-1"]
    assert slack.submit_view(view, {"pick": "egress-1", "host": "nonsense"}).errors == {"host": "This is not a host."}
    assert slack.view() is not None
    assert slack.submit_view(view, {"pick": "egress-1", "host": "api.example.com"}).ok
    assert slack.view() is None
    assert submitted[-1]["gateway"]["pick"]["selected_option"]["value"] == "egress-1"


def test_a_trigger_is_valid_once_within_its_time(slack: SandboxServer, bolt: Bolt, client: WebClient) -> None:
    view = {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": [{"type": "divider"}]}
    slack.say("/egress-diag")
    slack.say("/egress-diag")
    first, second = (d.payload["trigger_id"] for d in slack.deliveries("slash_commands"))
    opened = client.views_open(trigger_id=first, view=view)["view"]
    for trigger, error in ((first, "exchanged_trigger_id"), ("1.2.3", "invalid_trigger_id")):
        with pytest.raises(SlackApiError, match=error):
            client.views_open(trigger_id=trigger, view=view)
    slack.clock.advance(slack.timing.trigger_seconds + 0.1)
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        client.views_open(trigger_id=second, view=view)

    client.views_update(view_id=opened["id"], hash=opened["hash"], view=view | {"private_metadata": "filled"})
    with pytest.raises(SlackApiError, match="hash_conflict"):
        client.views_update(view_id=opened["id"], hash=opened["hash"], view=view)
    shown = slack.view()
    assert shown is not None
    assert shown.private_metadata == "filled"
    slack.close_view(shown)
    with pytest.raises(SlackApiError, match="not_found"):
        client.views_update(view_id=opened["id"], view=view)


def test_the_app_home_is_published_when_it_is_opened(slack: SandboxServer, bolt: Bolt) -> None:
    @bolt.event("app_home_opened")
    def publish(event: dict[str, Any], client: WebClient) -> None:
        text = {"type": "mrkdwn", "text": "Nothing is broken"}
        client.views_publish(
            user_id=event["user"], view={"type": "home", "blocks": [{"type": "section", "text": text}]}
        )

    assert slack.open_home(user="U0BOB").ok
    home = slack.wait_until(lambda: slack.home("U0BOB"))
    assert home.shown == "Nothing is broken"
    assert slack.home("U0ALICE") is None


def test_a_mention_in_a_thread_arrives_as_from_slack(slack: SandboxServer, bolt: Bolt) -> None:
    heard: list[dict[str, Any]] = []

    @bolt.event("app_mention")
    def mentioned(event: dict[str, Any]) -> None:
        heard.append(event)

    parent = slack.say("what is this?").message
    assert parent is not None
    slack.say("@egress-diag why --host api.example.com & @bob <x>", thread=parent, user="U0BOB")
    slack.say("@egress-diag hello", channel="C0RANDOM")
    (event,) = slack.wait_until(lambda: heard)
    assert event["text"] == "<@U0BOT> why --host <http://api.example.com|api.example.com> &amp; <@U0BOB> &lt;x&gt;"
    assert (event["thread_ts"], event["channel"], event["user"]) == (parent.ts, "C0OPS", "U0BOB")


def test_a_failed_event_is_retried_with_its_reason(slack: SandboxServer, bolt: Bolt) -> None:
    slack.say("@egress-diag again")  # no listener: Bolt answers 404
    slack.wait_until(lambda: len(slack.deliveries("events_api")) == 4)
    assert [d.retry_num for d in slack.deliveries("events_api")] == [0, 1, 2, 3]
    assert len({d.payload["event_id"] for d in slack.deliveries("events_api")}) == 1
