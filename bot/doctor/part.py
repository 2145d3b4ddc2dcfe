"""The part `slack` of `egress-diag doctor`: tokens, scopes, channels, groups, clock."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from slack_sdk import WebClient

from bot.access.rules import groups_needed
from bot.doctor.alerts import alert_lines
from bot.doctor.requirements import (
    APP_TOKEN,
    SCOPE,
    SIGNING_SECRET,
    SLACK_ADDRESS,
    SLACK_CHANNEL,
    SLACK_CLOCK,
    SLACK_REACHABLE,
    SLACK_REQUIREMENTS,
    TOKEN,
    UNUSED_SCOPES,
    USER_GROUP,
)
from bot.slack.settings import SlackSettings
from bot.slack.web_api import MissingScope, SlackRefusal, TemporaryRefusal, TokenRevoked, call_slack
from checks.config.configuration import Config
from checks.config.configuration_file import ConfigError, load
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions

__all__ = ["SLACK_REQUIREMENTS", "slack"]

MAX_CLOCK_SKEW = 60.0
"""Seconds; from 300 on, Slack's requests are rejected."""

_OWN = ("slack.com", "slack-gov.com")
_SCOPE = re.compile(r"^ +- ([\w.:]+) # (.+)$", re.MULTILINE)


def slack(options: DoctorOptions, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[DoctorLine]:
    """Check everything that the bot needs from Slack. `clock` returns the current time."""
    settings = SlackSettings()
    if options.terminal and not options.selected and not settings.slack_bot_token.get_secret_value():
        return
    if not settings.slack_bot_token.get_secret_value() and not options.selected:
        yield TOKEN.not_checked(
            "SLACK_BOT_TOKEN is not set in this process; only the bot has Slack's tokens",
            fix="Run `egress-diag doctor --only slack` in the bot.",
        )
        return
    yield from _secrets(settings)
    client = WebClient(
        token=settings.slack_bot_token.get_secret_value(),
        base_url=settings.slack_api_url,
        timeout=10,
        retry_handlers=[],
    )
    try:
        data, headers = _call(client, "auth.test")
    except SlackRefusal as refused:
        yield from _token_failed(settings, refused)
        return
    yield SLACK_REACHABLE.passed("it answers")
    yield TOKEN.passed(f"the token belongs to {data.get('user', '')} in {data.get('team', '')}")
    yield from _scopes(headers)
    if settings.socket_mode:
        yield _socket(settings)
    yield from _places(client, settings, options)
    yield _clock(headers, clock())


def manifest_scopes() -> Mapping[str, str]:
    """The scopes in the manifest, each with its reason."""
    return dict(_SCOPE.findall(files("bot").joinpath("manifest.yaml").read_text(encoding="utf-8")))


def _secrets(settings: SlackSettings) -> Iterator[DoctorLine]:
    host = urlsplit(settings.slack_api_url).hostname or ""
    if any(host == own or host.endswith(f".{own}") for own in _OWN):
        yield SLACK_ADDRESS.passed(host)
    else:
        yield SLACK_ADDRESS.warned(f"SLACK_API_URL is {host}")
    if settings.socket_mode:
        return
    if settings.slack_signing_secret.get_secret_value():
        yield SIGNING_SECRET.passed("it is set; the first command shows whether it is correct")
    else:
        yield SIGNING_SECRET.failed("SLACK_SIGNING_SECRET is not set, and neither is SLACK_APP_TOKEN (Socket Mode)")


def _token_failed(settings: SlackSettings, refused: SlackRefusal) -> Iterator[DoctorLine]:
    given = settings.slack_bot_token.get_secret_value()
    match refused:
        case TemporaryRefusal():
            yield SLACK_REACHABLE.failed(str(refused))
        case TokenRevoked() if not given:
            yield TOKEN.failed("SLACK_BOT_TOKEN is not set")
        case TokenRevoked() if not given.startswith("xoxb-"):
            yield TOKEN.failed(f"{refused}; a bot token begins with xoxb-, this one does not")
        case _:
            yield TOKEN.failed(str(refused))
    yield SCOPE.not_checked("no further calls were made")


def _scopes(headers: Mapping[str, str]) -> Iterator[DoctorLine]:
    given = headers.get("x-oauth-scopes")
    if given is None:
        yield SCOPE.not_checked("the answer has no header x-oauth-scopes; a proxy may remove it")
        return
    has = {scope.strip() for scope in given.split(",") if scope.strip()}
    wanted = manifest_scopes()
    for scope, reason in wanted.items():
        yield SCOPE.passed("granted", scope) if scope in has else SCOPE.failed(f"missing; used for: {reason}", scope)
    if more := sorted(has - wanted.keys()):
        yield UNUSED_SCOPES.warned(", ".join(more))
    else:
        yield UNUSED_SCOPES.passed("none")


def _socket(settings: SlackSettings) -> DoctorLine:
    token = settings.slack_app_token.get_secret_value()
    client = WebClient(base_url=settings.slack_api_url, timeout=10, retry_handlers=[])
    try:
        _call(client, "apps.connections.open", token=token)
    except MissingScope:
        return APP_TOKEN.failed("the app-level token lacks connections:write")
    except TemporaryRefusal as refused:
        return APP_TOKEN.not_checked(str(refused))
    except SlackRefusal as refused:
        form = "" if token.startswith("xapp-") else "; an app-level token begins with xapp-, this one does not"
        return APP_TOKEN.failed(f"{refused}{form}")
    return APP_TOKEN.passed("a connection was offered")


def _places(client: WebClient, settings: SlackSettings, options: DoctorOptions) -> Iterator[DoctorLine]:
    try:
        config = load(Path(options.config) if options.config else None, settings.config)
    except ConfigError:
        yield SLACK_CHANNEL.not_checked("the configuration cannot be read")
        return
    yield from alert_lines(config, settings)
    yield from (_channel(client, channel) for channel in channels_named(config))
    yield from (_group(client, group) for group in sorted(groups_needed(config)))


def channels_named(config: Config) -> tuple[str, ...]:
    """The ids of the channels in access rules, digests and alerts."""
    named = {channel for rule in config.access for channel in rule.channels}
    named |= {digest.channel for digest in config.digests} | {alert.channel for alert in config.alerts}
    return tuple(sorted(each for each in named if re.fullmatch(r"[CG][A-Z0-9]+", each)))


def _channel(client: WebClient, channel: str) -> DoctorLine:
    """Check membership by a read of the history, whose scopes the bot has anyway."""
    try:
        _call(client, "conversations.history", channel=channel, limit=1)
    except MissingScope as missing:
        return SLACK_CHANNEL.not_checked(f"the read needs the scope {missing.detail}", channel)
    except TemporaryRefusal as refused:
        return SLACK_CHANNEL.not_checked(str(refused), channel)
    except SlackRefusal as refused:
        meaning = {
            "not_in_channel": "the bot is not a member",
            "channel_not_found": "it does not exist, or is private and the bot is not a member",
        }
        return SLACK_CHANNEL.failed(meaning.get(refused.code, refused.code), channel)
    return SLACK_CHANNEL.passed("the bot is a member", channel)


def _group(client: WebClient, group: str) -> DoctorLine:
    try:
        data, _ = _call(client, "usergroups.users.list", usergroup=group)
    except MissingScope as missing:
        return USER_GROUP.not_checked(f"the lookup needs the scope {missing.detail}", group)
    except TemporaryRefusal as refused:
        return USER_GROUP.not_checked(str(refused), group)
    except SlackRefusal as refused:
        return USER_GROUP.failed(f"{refused.code}: rules with this group match no user", group)
    users = data.get("users")
    if not isinstance(users, list):
        return USER_GROUP.not_checked("Slack's answer has no list of members", group)
    members = len(users)
    return USER_GROUP.passed(f"{members} members", group) if members else USER_GROUP.warned("it has no members", group)


def _clock(headers: Mapping[str, str], now: datetime) -> DoctorLine:
    try:
        seconds = (now - parsedate_to_datetime(headers.get("date", ""))).total_seconds()
    except (ValueError, TypeError):  # no date, or one without a time zone
        return SLACK_CLOCK.not_checked("the answer has no date")
    if abs(seconds) <= MAX_CLOCK_SKEW:
        return SLACK_CLOCK.passed(f"within {MAX_CLOCK_SKEW:.0f} s")
    return SLACK_CLOCK.failed(f"this clock is {abs(seconds):.0f} s {'ahead' if seconds > 0 else 'behind'}")


def _call(client: WebClient, method: str, **arguments: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """The answer, and its headers by lower-case name. Raises SlackRefusal."""
    answer = call_slack(client, method, arguments)
    data = answer.data if isinstance(answer.data, dict) else {}
    return data, {str(key).lower(): str(value) for key, value in answer.headers.items()}
