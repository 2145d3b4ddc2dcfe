"""Each of doctor's requirements of Slack, unmet in the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.doctor.part import SLACK_REQUIREMENTS, manifest_scopes, slack
from bot.sandbox import App, RateLimits, SandboxServer, default_workspace
from bot.sandbox.model.state import UserGroup
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions, State
from tests.bot.slack.test_manifest import scopes

MANIFEST = App(scopes=scopes())
"""An app installed from the manifest: the scopes that it names and no others."""


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(app=MANIFEST, limits=RateLimits.off()) as server:
        yield server


@pytest.fixture
def options(tmp_path: Path, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> DoctorOptions:
    """The environment of a bot in HTTP mode; its configuration names a channel and a group."""
    monkeypatch.setenv("SLACK_API_URL", sandbox.api_url)
    monkeypatch.setenv("SLACK_BOT_TOKEN", sandbox.app.bot_token)
    monkeypatch.setenv("SLACK_SIGNING_SECRET", sandbox.app.signing_secret)
    monkeypatch.delenv("SLACK_APP_TOKEN", raising=False)
    return configured(tmp_path, "C0OPS", "S0ONCALL")


def configured(folder: Path, channel: str, group: str) -> DoctorOptions:
    path = folder / "egress-diag.yaml"
    path.write_text(f"access: [{{allow: [diagnose], users: [{group}, U0BOB], channels: [{channel}, 'D*']}}]\n")
    return DoctorOptions(str(path), selected=True)


def one(lines: list[DoctorLine], requirement: str, state: State = State.FAILED) -> DoctorLine:
    found = [line for line in lines if line.requirement.name == requirement and line.state is state]
    assert len(found) == 1, lines
    return found[0]


def tried(options: DoctorOptions, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> list[DoctorLine]:
    return list(slack(options, clock))


def test_an_app_from_the_manifest_meets_every_requirement_except_the_address(options: DoctorOptions) -> None:
    lines = tried(options)
    assert [line.requirement.name for line in lines if line.state is not State.PASSED] == ["slack-address"]
    assert one(lines, "slack-address", State.WARNED).observed == "SLACK_API_URL is 127.0.0.1"


@pytest.mark.parametrize("scope", sorted(scopes()))
def test_each_missing_scope_has_a_line_with_its_reason(
    scope: str, options: DoctorOptions, sandbox: SandboxServer
) -> None:
    sandbox.faults.take_scope(scope)
    failed = one(tried(options), "slack-scope")
    assert failed.subject == scope
    assert manifest_scopes()[scope] in failed.observed


def test_the_manifests_scopes_are_all_known() -> None:
    assert set(manifest_scopes()) == scopes()


def test_an_unused_scope(options: DoctorOptions, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with SandboxServer(app=replace(MANIFEST, scopes=scopes() | {"admin"})) as wide:
        monkeypatch.setenv("SLACK_API_URL", wide.api_url)
        assert one(tried(options), "slack-fewest-scopes", State.WARNED).observed == "admin"


def test_a_revoked_token(options: DoctorOptions, sandbox: SandboxServer) -> None:
    sandbox.faults.revoke_token()
    lines = tried(options)
    assert one(lines, "slack-token").observed == "token_revoked"
    one(lines, "slack-scope", State.NOT_CHECKED)


def test_a_token_of_the_wrong_kind_is_reported_without_its_value(
    options: DoctorOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxp-made-up-secret")
    failed = one(tried(options), "slack-token")
    assert "begins with xoxb-" in failed.observed
    assert "made-up-secret" not in str(failed)


def test_a_missing_token_fails_in_the_bot_and_is_not_checked_elsewhere(
    options: DoctorOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    assert one(tried(options), "slack-token").observed == "SLACK_BOT_TOKEN is not set"
    assert [line.state for line in tried(DoctorOptions(options.config))] == [State.NOT_CHECKED]


def test_slack_does_not_answer(options: DoctorOptions, sandbox: SandboxServer) -> None:
    sandbox.faults.drop_requests(9)
    one(tried(options), "slack-reachable")


def test_no_signing_secret(options: DoctorOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_SIGNING_SECRET")
    one(tried(options), "slack-signing-secret")


def test_socket_mode_needs_an_app_level_token(
    options: DoctorOptions, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_SIGNING_SECRET")
    monkeypatch.setenv("SLACK_APP_TOKEN", sandbox.app.app_token)
    one(tried(options), "slack-app-token", State.PASSED)
    monkeypatch.setenv("SLACK_APP_TOKEN", sandbox.app.bot_token)
    assert "begins with xapp-" in one(tried(options), "slack-app-token").observed
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-old")
    assert one(tried(options), "slack-app-token").observed == "invalid_auth"


@pytest.mark.parametrize(
    ("channel", "observed"),
    [
        ("C0RANDOM", "the bot is not a member"),
        ("C0NOSUCH", "it does not exist, or is private and the bot is not a member"),
    ],
)
def test_a_channel_without_the_bot(channel: str, observed: str, options: DoctorOptions, tmp_path: Path) -> None:
    failed = one(tried(configured(tmp_path, channel, "S0ONCALL")), "slack-channel")
    assert (failed.subject, failed.observed) == (channel, observed)
    assert "/invite @egress-diag" in failed.fix


def test_a_channel_that_cannot_be_read_without_a_scope(options: DoctorOptions, sandbox: SandboxServer) -> None:
    sandbox.faults.take_scope("channels:history")
    assert "channels:history" in one(tried(options), "slack-channel", State.NOT_CHECKED).observed


def test_a_deleted_group(options: DoctorOptions, tmp_path: Path) -> None:
    assert one(tried(configured(tmp_path, "C0OPS", "S0GONE")), "slack-group").observed.startswith("no_such_subteam")


def test_a_group_without_members(tmp_path: Path, options: DoctorOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = default_workspace(MANIFEST)
    workspace.groups["S0EMPTY"] = UserGroup("S0EMPTY", "empty", "Nobody", ())
    with SandboxServer(workspace=workspace) as server:
        monkeypatch.setenv("SLACK_API_URL", server.api_url)
        one(tried(configured(tmp_path, "C0OPS", "S0EMPTY")), "slack-group", State.WARNED)


def test_a_clock_skew_that_slack_rejects(options: DoctorOptions) -> None:
    failed = one(tried(options, lambda: datetime.now(UTC) - timedelta(seconds=400)), "slack-clock")
    assert failed.observed in {"this clock is 400 s behind", "this clock is 399 s behind", "this clock is 401 s behind"}


def test_every_requirement_fails_or_warns_in_a_test_here() -> None:
    written = Path(__file__).read_text()
    assert [each.name for each in SLACK_REQUIREMENTS if f'"{each.name}"' not in written] == []


ALERTS = """clusters: [{name: prod-weu, bundle: weu}, {name: dev-weu, bundle: dev}]
access: [{allow: [diagnose], users: [%s], clusters: ['prod-*'], channels: [C0OPS]}]
alerts:
  - {match: {alertname: "Egress.*"}, cluster: "{{cluster}}", gateway: "{{service}}", channel: C0OPS}
  - {match: {alertname: "Dev.*"}, cluster: dev-weu, gateway: egw, channel: C0OPS}
"""


def test_alerts_without_a_token_or_a_rule(
    options: DoctorOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "egress-diag.yaml"
    path.write_text(ALERTS % "U0BOB")
    lines = tried(options)
    assert "answers 404" in one(lines, "alerts-token").observed
    failed = [line for line in lines if line.requirement.name == "alerts-access"]
    assert [(line.subject, line.state) for line in failed] == [("alerts.0", State.FAILED), ("alerts.1", State.FAILED)]
    path.write_text(ALERTS % "alerts")
    monkeypatch.setenv("EGRESS_DIAG_ALERTS_TOKEN", "token-of-alerts")
    lines = tried(options)
    assert one(lines, "alerts-token", State.PASSED).subject == ""
    assert one(lines, "alerts-access", State.PASSED).observed == "`alerts` may check prod-weu in C0OPS"
    assert one(lines, "alerts-access").observed == "`alerts` may not check dev-weu in C0OPS"
    assert [line.subject for line in lines if line.requirement.name == "slack-channel"] == ["C0OPS"]
    assert "token-of-alerts" not in str(lines)


def test_a_token_of_alerts_without_alerts(options: DoctorOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not [line for line in tried(options) if line.requirement.name.startswith("alerts")]
    monkeypatch.setenv("EGRESS_DIAG_ALERTS_TOKEN", "token-of-alerts")
    assert "every alert is refused" in one(tried(options), "alerts-token", State.WARNED).observed
