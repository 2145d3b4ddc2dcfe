"""The Web API of the sandbox: the official client gets Slack's errors."""

from __future__ import annotations

import time
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.sandbox import App, RateLimits, SandboxServer

pytestmark = pytest.mark.slow


def refused(call: Any, **arguments: Any) -> dict[str, Any]:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    answer = caught.value.response
    return {"status": answer.status_code, "retry_after": answer.headers.get("Retry-After"), **answer.data}


def error_of(call: Any, **arguments: Any) -> str:
    return str(refused(call, **arguments)["error"])


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_auth_test_and_scopes(slack: SandboxServer, client: WebClient) -> None:
    answer = client.auth_test()
    assert (answer["user_id"], answer["bot_id"], answer["team_id"]) == ("U0BOT", "B0BOT", "T0SANDBOX")
    assert answer["url"] == slack.url
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


def test_a_message_can_be_posted_read_updated_and_deleted(slack: SandboxServer, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0OPS", text="checking…", blocks=[section("checking…")])["ts"]
    client.chat_update(channel="C0OPS", ts=ts, text="broken", blocks=[section("*broken*")])
    client.chat_update(channel="C0OPS", ts=ts, text="healthy")

    (message,) = slack.messages("C0OPS")
    assert message.shown == "healthy"
    assert [revision.text for revision in message.revisions] == ["checking…", "broken"]
    assert message.edited_ts is not None
    assert client.conversations_history(channel="C0OPS")["messages"][0]["text"] == "healthy"

    client.chat_delete(channel="C0OPS", ts=ts)
    assert slack.messages("C0OPS") == ()
    assert [change.kind for change in slack.changes()] == ["posted", "updated", "updated", "deleted"]
    assert error_of(client.chat_update, channel="C0OPS", ts=ts, text="too late") == "message_not_found"


def test_metadata_is_returned_only_on_request(slack: SandboxServer, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C0OPS", text="parent")["ts"]
    metadata = {"event_type": "slot", "event_payload": {"run": "r1", "slot": "verdict"}}
    client.chat_postMessage(channel="C0OPS", thread_ts=parent, text="reply", metadata=metadata)

    found = client.conversations_replies(channel="C0OPS", ts=parent, include_all_metadata=True)["messages"]
    assert [message["text"] for message in found] == ["parent", "reply"]
    assert found[0]["reply_count"] == 1
    assert found[1]["metadata"] == metadata
    plain = client.conversations_replies(channel="C0OPS", ts=parent)["messages"]
    assert "metadata" not in plain[1]
    assert slack.thread(slack.messages("C0OPS")[0])[0].metadata == metadata


def test_long_threads_are_paged(client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C0OPS", text="0")["ts"]
    for number in range(1, 5):
        client.chat_postMessage(channel="C0OPS", thread_ts=parent, text=str(number))
    texts = [
        [message["text"] for message in page["messages"]]
        for page in client.conversations_replies(channel="C0OPS", ts=parent, limit=2)
    ]
    assert texts == [["0", "1"], ["2", "3"], ["4"]]


@pytest.mark.parametrize(
    ("channel", "error"),
    [("C0NOWHERE", "channel_not_found"), ("C0RANDOM", "not_in_channel"), ("C0OLD", "is_archived")],
)
def test_posts_are_refused_in_unavailable_channels(client: WebClient, channel: str, error: str) -> None:
    assert error_of(client.chat_postMessage, channel=channel, text="hello") == error
    assert error_of(client.chat_postEphemeral, channel=channel, user="U0ALICE", text="hello") == error


def test_tokens(slack: SandboxServer, client: WebClient) -> None:
    assert error_of(WebClient(base_url=slack.api_url).auth_test) == "not_authed"
    assert error_of(WebClient(token="xoxb-wrong", base_url=slack.api_url).auth_test) == "invalid_auth"
    app_level = WebClient(token=slack.app.app_token, base_url=slack.api_url)
    assert error_of(app_level.chat_postMessage, channel="C0OPS", text="x") == "not_allowed_token_type"
    assert error_of(client.api_call, api_method="chat.shout") == "unknown_method"
    slack.faults.revoke_token()
    assert error_of(client.auth_test) == "token_revoked"
    slack.faults.clear()
    assert client.auth_test()["ok"]


def test_a_missing_scope_is_named() -> None:
    with SandboxServer(app=App(scopes=frozenset({"commands", "chat:write"}))) as slack:
        client = WebClient(token=slack.app.bot_token, base_url=slack.api_url)
        answer = refused(client.usergroups_users_list, usergroup="S0ONCALL")
        assert (answer["error"], answer["needed"], answer["provided"]) == (
            "missing_scope",
            "usergroups:read",
            "chat:write,commands",
        )
        slack.faults.take_scope("chat:write")
        assert error_of(client.chat_postMessage, channel="C0OPS", text="x") == "missing_scope"


def test_too_long_texts_and_blocks(client: WebClient) -> None:
    assert error_of(client.chat_postMessage, channel="C0OPS", text="x" * 40_001) == "msg_too_long"
    assert error_of(client.api_call, api_method="chat.postMessage", json={"channel": "C0OPS"}) == "no_text"
    answer = refused(client.chat_postMessage, channel="C0OPS", text="x", blocks=[section("ok"), section("x" * 3001)])
    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]"
    ]
    many = [section("x" * 2900)] * 5
    assert error_of(client.chat_postMessage, channel="C0OPS", text="x", blocks=many) == "msg_blocks_too_long"


def test_replies_need_their_thread_and_updates_their_author(slack: SandboxServer, client: WebClient) -> None:
    slack.say("hello", user="U0BOB")
    (of_bob,) = slack.messages("C0OPS")
    reply = client.chat_postMessage(channel="C0OPS", thread_ts=of_bob.ts, text="hi")["ts"]
    assert error_of(client.chat_update, channel="C0OPS", ts=of_bob.ts, text="mine") == "cant_update_message"
    missing = "1700000000.000001"
    assert error_of(client.chat_postMessage, channel="C0OPS", thread_ts=missing, text="x") == "thread_not_found"
    assert error_of(client.conversations_replies, channel="C0OPS", ts=missing) == "thread_not_found"
    assert error_of(client.chat_postMessage, channel="C0OPS", thread_ts=reply, text="x") == "cannot_reply_to_message"
    assert error_of(client.chat_getPermalink, channel="C0OPS", message_ts=missing) == "message_not_found"
    link = client.chat_getPermalink(channel="C0OPS", message_ts=reply)["permalink"]
    assert link.startswith(f"{slack.url}archives/C0OPS/p")
    assert f"thread_ts={of_bob.ts}" in link


def test_ephemeral_messages_are_not_in_the_history(slack: SandboxServer, client: WebClient) -> None:
    client.chat_postEphemeral(channel="C0OPS", user="U0BOB", text="just you")
    assert slack.messages("C0OPS") == ()
    assert [m.shown for m in slack.messages("C0OPS", user="U0BOB")] == ["just you"]
    assert client.conversations_history(channel="C0OPS")["messages"] == []
    assert error_of(client.chat_postEphemeral, channel="C0OPS", user="U0NOBODY", text="x") == "user_not_in_channel"


def test_posts_are_limited_by_channel_and_updates_by_the_minute() -> None:
    limits = RateLimits(posts_per_second=0.2, post_burst=2, updates_per_minute=6, update_burst=3)
    with SandboxServer(limits=limits) as slack:
        client = WebClient(token=slack.app.bot_token, base_url=slack.api_url)
        ts = client.chat_postMessage(channel="C0OPS", text="1")["ts"]
        client.chat_postMessage(channel="C0OPS", text="2")
        answer = refused(client.chat_postMessage, channel="C0OPS", text="3")
        assert (answer["status"], answer["error"]) == (429, "ratelimited")
        assert 1 <= int(answer["retry_after"]) <= 5
        client.chat_postMessage(channel="C0PAY", text="another channel")
        time.sleep(int(answer["retry_after"]))
        client.chat_postMessage(channel="C0OPS", text="3")
        for number in range(3):
            client.chat_update(channel="C0OPS", ts=ts, text=str(number))
        assert refused(client.chat_update, channel="C0OPS", ts=ts, text="x")["retry_after"] in map(str, range(1, 11))
        assert [m.text for m in slack.messages("C0OPS")] == ["2", "2", "3"]


def test_people_and_groups(client: WebClient) -> None:
    assert client.usergroups_users_list(usergroup="S0ONCALL")["users"] == ["U0ALICE"]
    assert error_of(client.usergroups_users_list, usergroup="S0NONE") == "no_such_subteam"
    assert client.usergroups_list(include_users=True)["usergroups"][0]["handle"] == "egress-oncall"
    assert client.users_info(user="U0BOB")["user"]["real_name"] == "Bob Lindqvist"
    assert error_of(client.users_info, user="U0NOBODY") == "user_not_found"


def test_channels_and_direct_messages(slack: SandboxServer, client: WebClient) -> None:
    listed = {c["id"]: c["is_member"] for c in client.conversations_list(exclude_archived=True)["channels"]}
    assert listed == {"C0OPS": True, "C0PAY": True, "C0RANDOM": False}
    assert client.conversations_info(channel="C0OLD")["channel"]["is_archived"]
    direct = client.conversations_open(users="U0BOB")["channel"]["id"]
    client.chat_postMessage(channel=direct, text="psst")
    assert client.chat_postMessage(channel="U0BOB", text="again")["channel"] == direct
    assert [m.text for m in slack.messages(direct)] == ["psst", "again"]


def test_a_file_is_uploaded_and_shared_in_a_thread(slack: SandboxServer, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C0OPS", text="parent")["ts"]
    client.files_upload_v2(
        content="all that was read",
        filename="report.md",
        title="Full report",
        channel="C0OPS",
        thread_ts=parent,
        initial_comment="The full report",
    )
    (file,) = slack.files()
    assert (file.name, file.title, file.content) == ("report.md", "Full report", b"all that was read")
    (reply,) = slack.thread("C0OPS", parent)
    assert (reply.text, reply.files) == ("The full report", (file.id,))


def test_an_upload_is_checked(client: WebClient) -> None:
    upload = client.files_getUploadURLExternal(filename="a.txt", length=3)
    not_sent = [{"id": upload["file_id"], "title": "a"}]
    assert error_of(client.files_completeUploadExternal, files=not_sent, channel_id="C0OPS") == "file_not_found"


def test_reactions(slack: SandboxServer, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0OPS", text="fixed")["ts"]
    client.reactions_add(channel="C0OPS", timestamp=ts, name="tada")
    assert error_of(client.reactions_add, channel="C0OPS", timestamp=ts, name="tada") == "already_reacted"
    assert slack.messages("C0OPS")[0].reactions == (("tada", "U0BOT"),)


def test_every_call_is_recorded(slack: SandboxServer, client: WebClient) -> None:
    client.chat_postMessage(channel="C0OPS", text="one")
    error_of(client.chat_postMessage, channel="C0OLD", text="two")
    first, second = slack.calls("chat.postMessage")
    assert (first.ok, first.args["text"], first.status) == (True, "one", 200)
    assert (second.ok, second.error) == (False, "is_archived")
