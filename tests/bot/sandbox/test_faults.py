"""The faults of the sandbox, as the official client reports them."""

from __future__ import annotations

import http.client
import time

import pytest
import urllib3
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.sandbox import SandboxServer


def error_of(client: WebClient, channel: str = "C0OPS") -> str:
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=channel, text="x", blocks=[{"type": "markdown", "text": "x"}])
    return str(caught.value.response["error"])


@pytest.mark.slow
def test_a_rate_limit_of_all_methods(slack: SandboxServer, client: WebClient) -> None:
    slack.faults.rate_limit(5)
    with pytest.raises(SlackApiError) as caught:
        client.auth_test()
    assert caught.value.response.status_code == 429
    seconds = int(caught.value.response.headers["Retry-After"])
    assert 1 <= seconds <= 5
    time.sleep(seconds)
    assert client.auth_test()["ok"]


def test_one_method_fails_a_number_of_times(slack: SandboxServer, client: WebClient) -> None:
    slack.faults.server_errors(1, "chat.postMessage", status=503)
    client.auth_test()
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel="C0OPS", text="x")
    assert caught.value.response.status_code == 503
    assert slack.messages("C0OPS") == ()
    client.chat_postMessage(channel="C0OPS", text="x")
    assert [call.status for call in slack.calls("chat.postMessage")] == [503, 200]


def test_a_lost_answer_leaves_the_message_posted(slack: SandboxServer) -> None:
    # Without the SDK's retry of broken connections, which would post a second time.
    client = WebClient(token=slack.app.bot_token, base_url=slack.api_url, retry_handlers=[])
    slack.faults.lose_answers(1, "chat.postMessage")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        client.chat_postMessage(channel="C0OPS", text="did it arrive?")
    assert [m.text for m in slack.messages("C0OPS")] == ["did it arrive?"]


@pytest.mark.slow
def test_the_sdk_with_default_retries_posts_twice_when_an_answer_is_lost(
    slack: SandboxServer, client: WebClient
) -> None:
    slack.faults.lose_answers(1, "chat.postMessage")
    client.chat_postMessage(channel="C0OPS", text="once?")
    assert [m.text for m in slack.messages("C0OPS")] == ["once?", "once?"]


def test_a_dropped_request_does_nothing(slack: SandboxServer) -> None:
    client = WebClient(token=slack.app.bot_token, base_url=slack.api_url, retry_handlers=[])
    slack.faults.drop_requests(1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        client.chat_postMessage(channel="C0OPS", text="x")
    assert slack.messages("C0OPS") == ()


def test_latency(slack: SandboxServer, client: WebClient) -> None:
    slack.faults.latency(0.2, "auth.test")
    started = time.monotonic()
    client.auth_test()
    assert time.monotonic() - started >= 0.2


def test_faults_of_channels_scopes_and_blocks_can_be_cleared(slack: SandboxServer, client: WebClient) -> None:
    slack.faults.archive("C0OPS")
    assert error_of(client) == "is_archived"
    slack.faults.clear()
    slack.faults.remove_bot("C0OPS")
    assert error_of(client) == "not_in_channel"
    slack.faults.clear()
    slack.faults.take_scope("chat:write")
    assert error_of(client) == "missing_scope"
    slack.faults.clear()
    slack.faults.refuse_blocks("markdown")
    assert error_of(client) == "invalid_blocks"
    slack.faults.clear()
    assert client.chat_postMessage(channel="C0OPS", text="x", blocks=[{"type": "markdown", "text": "x"}])["ok"]


def test_the_control_api_injects_and_clears_faults(slack: SandboxServer, client: WebClient) -> None:
    def control(**wanted: object) -> urllib3.BaseHTTPResponse:
        return urllib3.request("POST", f"{slack.url}sandbox/faults", json=wanted)

    assert control(name="archive", channel="C0PAY").status == 200
    assert error_of(client, "C0PAY") == "is_archived"
    assert control(name="clear").status == 200
    assert client.chat_postMessage(channel="C0PAY", text="x")["ok"]
    answer = control(name="earthquake")
    assert (answer.status, "rate_limit" in answer.json()["error"]) == (400, True)
