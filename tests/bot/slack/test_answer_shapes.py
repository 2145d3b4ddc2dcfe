"""Every read of an answer of Slack ends in a value or in a SlackRefusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.access.groups import RETRY_SECONDS, Groups
from bot.doctor.part import slack as doctor_of_slack
from bot.sandbox import SandboxServer
from bot.slack.identity import Identity
from bot.slack.settings import SlackSettings
from bot.slack.web_api import Posted, Slack, SlackRefusal
from checks.doctor.requirement_lines import DoctorOptions

pytestmark = pytest.mark.slow

HERE = Posted("C0OPS", "1700000000.000100")

READS: dict[str, Callable[[Slack], object]] = {
    "chat.postMessage": lambda slack: slack.post("C0OPS", "text", [], None, {"slot": "x"}),
    "chat.update": lambda slack: slack.update(HERE, "text", [], {"slot": "x"}),
    "chat.delete": lambda slack: slack.delete(HERE),
    "chat.postEphemeral": lambda slack: slack.ephemeral("C0OPS", "U0ALICE", "text", []),
    "views.open": lambda slack: slack.open_view("1.2.3", {"type": "modal"}),
    "views.update": lambda slack: slack.update_view("V1", {"type": "modal"}),
    "views.publish": lambda slack: slack.publish_home("U0ALICE", {"type": "home"}),
    "files.getUploadURLExternal": lambda slack: slack.upload("C0OPS", None, "a.md", "A", b"a"),
    "conversations.replies": lambda slack: slack.find("C0OPS", "1.1", {"slot": "x"}, "1.0"),
    "conversations.history": lambda slack: slack.find("C0OPS", None, {"slot": "x"}, "1.0"),
    "chat.getPermalink": lambda slack: slack.permalink(HERE),
    "usergroups.users.list": lambda slack: slack.group_members("S0ONCALL"),
    "auth.test": lambda slack: slack.auth(),
}
"""Every method of Slack's API whose answer the bot reads."""

SHAPES = (
    "", "null", "7", "[]", "[{}]", '"ok"', "{}", '{"ok": true', '{"ok": 1}', '{"ok": "yes", "error": {"a": 1}}',
    ('{"ok": true, "channel": 1, "ts": 2, "view": 3, "upload_url": 4, "file_id": 5, "messages": 6, "users": 7, "permalink": 8, '
    '"user": 9}'),
    ('{"ok": true, "channel": {}, "ts": {}, "view": {"id": {}}, "upload_url": {}, "file_id": {}, "messages": {}, "users": {}, '
    '"permalink": {}, "user": {}}'),
    ('{"ok": true, "channel": "C", "ts": "now", "view": {"id": ""}, "upload_url": "file:///etc/passwd", "file_id": "F", '
    '"messages": null, "users": [{}], "permalink": "javascript:1", "user": null}'),
    '{"ok": false, "error": ["a"], "needed": {}, "response_metadata": []}',
    '{"ok": false, "error": "invalid_blocks", "response_metadata": {"messages": 7}}',
    '{"ok": false, "error": "invalid_blocks", "response_metadata": 7}',
    '{"ok": false, "error": "missing_scope", "needed": 7}',
    "[" * 50_000,
    "<html></html>",
)  # fmt: skip


@pytest.fixture
def client(slack: SandboxServer) -> Slack:
    return Slack(SlackSettings(SLACK_BOT_TOKEN=slack.app.bot_token, SLACK_API_URL=slack.api_url), timeout=30)


@pytest.mark.parametrize("method", READS)
def test_an_answer_of_any_shape_is_a_refusal(slack: SandboxServer, client: Slack, method: str) -> None:
    """For methods of which no field is read, every object with "ok" is an answer."""
    without_fields = method in ("chat.delete", "chat.postEphemeral", "views.update", "views.publish")
    for shape in SHAPES:
        slack.faults.answer_with(shape, 1, method)
        if without_fields and shape.startswith('{"ok": true,'):
            READS[method](client)
        else:
            with pytest.raises(SlackRefusal):
                READS[method](client)


@pytest.mark.parametrize("after", ["soon", "-5", "nan", "inf", "9" * 400, ""])
def test_an_unusable_retry_after_is_bounded(slack: SandboxServer, client: Slack, after: str) -> None:
    from slack_sdk.errors import SlackApiError
    from slack_sdk.web import SlackResponse

    from bot.slack.errors import RateLimited, refusal

    answer = SlackResponse(
        client=client.client, http_verb="POST", api_url="", req_args={}, data={"ok": False},
        headers={"Retry-After": after}, status_code=429,
    )  # fmt: skip
    found = refusal(SlackApiError("", answer))  # type: ignore[no-untyped-call]
    assert isinstance(found, RateLimited)
    assert 1 <= found.retry_after <= 3600


def test_messages_of_others_do_not_spoil_the_search_for_a_lost_post(slack: SandboxServer, client: Slack) -> None:
    odd = '[7, null, {"metadata": 7}, {"metadata": {"event_type": 7}}, {"ts": 7, "files": 7}, {"files": [7, {"name": []}]}]'
    answer = '{"ok": true, "messages": %s, "response_metadata": null}' % odd  # noqa: UP031 - JSON has braces
    slack.faults.answer_with(answer, 2, "conversations.history", "conversations.replies")
    assert client.find("C0OPS", None, {"slot": "x"}, "1.0") == []
    assert client.find_file("C0OPS", "1.1", "report.md", "1.0") is False


def test_a_malformed_answer_about_a_user_group_is_forgotten(slack: SandboxServer, client: Slack) -> None:
    """One such answer made every later command fail until a restart."""
    now = [1000.0]
    groups = Groups(client.group_members, lambda: now[0])
    for shape in ('{"ok": true, "users": 5}', '{"ok": true, "users": [["U0ALICE"]]}', '["U0ALICE"]', "null"):
        slack.faults.answer_with(shape, 1, "usergroups.users.list")
        assert groups.of("U0ALICE", ["S0ONCALL"]) == frozenset()
        now[0] += RETRY_SECONDS
    assert groups.of("U0ALICE", ["S0ONCALL"]) == {"S0ONCALL"}
    groups.close()


def test_an_unexpected_error_of_a_read_of_a_group_does_not_stay() -> None:
    now, lookups = [1000.0], [ZeroDivisionError("not ours"), None]

    def look_up(_group: str) -> frozenset[str]:
        if (error := lookups.pop(0)) is not None:
            raise error
        return frozenset({"U0ALICE"})

    groups = Groups(look_up, lambda: now[0])
    with pytest.raises(ZeroDivisionError):
        groups.of("U0ALICE", ["S0ONCALL"])
    assert groups.of("U0ALICE", ["S0ONCALL"]) == frozenset(), "the group is not read again at once"
    now[0] += RETRY_SECONDS
    assert groups.of("U0ALICE", ["S0ONCALL"]) == {"S0ONCALL"}
    groups.close()


def test_the_check_of_the_token_survives_answers_of_any_shape(slack: SandboxServer, client: Slack) -> None:
    """The thread that checks it must not end: the bot would never become ready again."""
    slack.faults.answer_with("[1]", 10**6, "auth.test")
    identity = Identity(client, retry_seconds=0.1)
    identity.start()
    slack.wait_until(lambda: identity.problem == "Slack does not answer: malformed_answer: AttributeError", 60)
    slack.faults.clear()
    slack.wait_until(lambda: not identity.problem, 60)
    identity.stop()


@pytest.mark.parametrize(
    "method", ["auth.test", "usergroups.users.list", "conversations.history", "apps.connections.open"]
)
def test_doctor_reports_answers_of_any_shape(
    slack: SandboxServer, method: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "egress-diag.yaml"
    config.write_text("clusters: []\naccess: [{allow: [diagnose], users: [S0ONCALL], channels: [C0OPS]}]\n", "utf-8")
    for name, value in (
        ("BOT_TOKEN", slack.app.bot_token), ("APP_TOKEN", slack.app.app_token), ("API_URL", slack.api_url)
    ):  # fmt: skip
        monkeypatch.setenv(f"SLACK_{name}", value)
    for shape in SHAPES:
        slack.faults.answer_with(shape, 1, method)
        lines = list(doctor_of_slack(DoctorOptions(config=str(config))))
        assert lines
