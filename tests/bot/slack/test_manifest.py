"""The app manifest: the fewest scopes that work, each with its reason."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

import bot
from bot.listeners.workflow_steps import WORKFLOW_STEP
from bot.sandbox.model.functions import DIAGNOSE_STEP, Parameter
from bot.sandbox.model.state import App

MANIFEST = Path(bot.__file__).parent / "manifest.yaml"


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    return found


def scopes() -> frozenset[str]:
    """The bot token's scopes."""
    return frozenset(manifest()["oauth_config"]["scopes"]["bot"])


def test_every_scope_has_a_reason() -> None:
    text = MANIFEST.read_text(encoding="utf-8")
    for scope in scopes():
        assert re.search(rf"^ +- {re.escape(scope)} # \S", text, re.MULTILINE), scope


def test_every_request_url_is_the_bots_address() -> None:
    found = manifest()
    addresses = [
        *(command["url"] for command in found["features"]["slash_commands"]),
        found["settings"]["event_subscriptions"]["request_url"],
        found["settings"]["interactivity"]["request_url"],
        found["settings"]["interactivity"]["message_menu_options_url"],
    ]
    assert {address.partition(".org")[2] for address in addresses} == {"/slack/events"}


def test_the_step_of_the_manifest_is_that_of_the_listener_and_of_the_stand_in() -> None:
    functions = manifest()["functions"]
    assert list(functions) == [WORKFLOW_STEP, *(each.callback_id for each in App().functions[1:])]
    declared = functions[WORKFLOW_STEP]
    assert DIAGNOSE_STEP.title == declared["title"]
    for name, expected in (("input_parameters", DIAGNOSE_STEP.inputs), ("output_parameters", DIAGNOSE_STEP.outputs)):
        found = declared[name]
        assert {key: Parameter(each["type"], each["is_required"]) for key, each in found.items()} == expected
        assert all(key == each["name"] for key, each in found.items())
    assert set(manifest()["settings"]["event_subscriptions"]["bot_events"]) == App().events


def test_the_command_has_a_listener() -> None:
    assert [command["command"] for command in manifest()["features"]["slash_commands"]] == ["/egress-diag"]
