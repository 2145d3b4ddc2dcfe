"""The official Socket Mode client against the sandbox: deliver, acknowledge, reconnect."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from slack_bolt import App as Bolt
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.socket_mode.builtin.connection import Connection, ConnectionState

from bot.listeners.intake import SocketIntake
from bot.sandbox import SandboxServer, Timing

pytestmark = pytest.mark.slow  # the official client takes three seconds to close


@pytest.fixture
def handler(slack: SandboxServer, client: WebClient) -> Iterator[SocketModeHandler]:
    app = Bolt(client=client, signing_secret=slack.app.signing_secret, raise_error_for_unhandled_request=False)
    api = WebClient(token=slack.app.app_token, base_url=slack.api_url)
    handler = SocketIntake(app, slack.app.app_token, web_client=api, ping_interval=1)
    handler.connect()  # type: ignore[no-untyped-call]  # the SDK's
    slack.wait_until(lambda: slack.connected == 1)
    yield handler
    handler.close()


@pytest.fixture
def connected(handler: SocketModeHandler) -> Bolt:
    return handler.app


def wait_for_another_session(slack: SandboxServer, handler: SocketModeHandler, before: str | None) -> None:
    """Wait until the client uses a new session; the sandbox has its connection earlier."""
    slack.wait_until(
        lambda: slack.connected == 1 and handler.client.is_connected() and handler.client.session_id() != before
    )


def test_a_command_goes_through_the_socket(slack: SandboxServer, connected: Bolt) -> None:
    @connected.command("/egress-diag")
    def diagnose(ack: Any, command: dict[str, str]) -> None:
        ack(text=f"checking {command['text']}")

    ack = slack.say("/egress-diag prod-weu x")
    assert ack.ok
    assert ack.message is not None
    assert ack.message.shown == "checking prod-weu x"
    assert [d.via for d in slack.deliveries()] == ["socket"]


def test_presses_and_mentions_go_through_the_socket(slack: SandboxServer, connected: Bolt, client: WebClient) -> None:
    heard: list[str] = []

    @connected.action("stop")
    def stop(ack: Any) -> None:
        ack()
        heard.append("stop")

    @connected.event("app_mention")
    def mentioned() -> None:
        heard.append("mention")

    element = {"type": "button", "action_id": "stop", "text": {"type": "plain_text", "text": "Stop"}}
    client.chat_postMessage(channel="C0OPS", text="x", blocks=[{"type": "actions", "elements": [element]}])
    assert slack.press(slack.messages("C0OPS")[0], "stop").ok
    slack.wait_until(lambda: heard)
    assert slack.say("@egress-diag hello").ok
    slack.wait_until(lambda: len(heard) == 2)
    assert heard == ["stop", "mention"]


@pytest.mark.parametrize("timing", [Timing(answer_seconds=1.0)])
def test_a_missing_answer_through_the_socket_times_out(slack: SandboxServer, connected: Bolt) -> None:
    assert slack.say("/egress-diag no listener").error == "operation_timeout"


def test_the_client_reconnects_on_request(slack: SandboxServer, handler: SocketModeHandler, connected: Bolt) -> None:
    @connected.command("/egress-diag")
    def diagnose(ack: Any) -> None:
        ack(text="still here")

    before = handler.client.session_id()
    slack.faults.disconnect_sockets()
    wait_for_another_session(slack, handler, before)
    assert slack.say("/egress-diag x").ok


def test_the_client_reconnects_after_a_broken_connection(slack: SandboxServer, handler: SocketModeHandler) -> None:
    before = handler.client.session_id()
    slack.faults.drop_sockets()
    wait_for_another_session(slack, handler, before)


@pytest.mark.timeout(200)
def test_a_session_that_starts_while_the_client_closes_is_ended(
    slack: SandboxServer, handler: SocketModeHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a reconnection the reading thread removes the SDK's mark when it starts.

    The SDK's close() then waited forever.
    """
    starts, disconnected = Event(), Event()
    before = handler.client.session_id()
    read, disconnect = Connection.run_until_completion, handler.client.disconnect

    def read_late(session: Connection, state: ConnectionState) -> None:
        if session.session_id != before:
            starts.set()
            disconnected.wait(60)
            state.terminated = False
        read(session, state)

    def disconnect_and_go_on() -> None:
        disconnect()
        disconnected.set()

    monkeypatch.setattr(Connection, "run_until_completion", read_late)
    slack.faults.disconnect_sockets()
    wait_for_another_session(slack, handler, before)
    assert starts.wait(60)
    monkeypatch.setattr(handler.client, "disconnect", disconnect_and_go_on)
    handler.close()  # type: ignore[no-untyped-call]  # the SDK's
    assert disconnected.is_set()
    assert handler.client.current_session_runner.thread is None
