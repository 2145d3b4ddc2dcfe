"""Block Kit's rules: accepted blocks, and the errors of refused ones with their position."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.model.block_rules import is_too_long, problems_of_message, problems_of_view


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def button(action_id: str = "a", **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": plain("Go")} | more


CONFIRM = {"title": plain("Sure?"), "text": mrkdwn("It restarts"), "confirm": plain("Yes"), "deny": plain("No")}
OPTION = {"text": plain("one"), "value": "1"}

GOOD = [
    {"type": "section", "text": mrkdwn("x" * 3000)},
    {"type": "section", "fields": [mrkdwn("a"), plain("b")], "accessory": button(style="danger", confirm=CONFIRM)},
    {"type": "header", "text": plain("x" * 150)},
    {"type": "divider", "block_id": "d"},
    {"type": "context", "elements": [mrkdwn("x")] * 10},
    {"type": "actions", "elements": [button(str(number), value="v" * 2000) for number in range(25)]},
    {"type": "actions", "elements": [{"type": "overflow", "action_id": "o", "options": [OPTION] * 5}]},
    {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "the path"},
    {"type": "markdown", "text": "**bold**"},
    {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "x", "style": {"bold": True}}]},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "kubectl get"}]},
        ],
    },
]


@pytest.mark.parametrize("block", GOOD, ids=lambda block: block["type"])
def test_accepted_blocks(block: dict[str, Any]) -> None:
    assert problems_of_message([block]) == []


BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"type": "section", "text": mrkdwn("x" * 3001)},
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
    ),
    ({"type": "section", "text": mrkdwn("")}, "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ({"type": "section"}, "must define either `text` or `fields` [json-pointer:/blocks/0]"),
    ({"type": "section", "text": "x"}, "must be an object [json-pointer:/blocks/0/text]"),
    ({"type": "header", "text": mrkdwn("x")}, "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"),
    (
        {"type": "header", "text": plain("x" * 151)},
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
    ),
    (
        {"type": "context", "elements": [mrkdwn("x")] * 11},
        "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
    ),
    (
        {"type": "actions", "elements": [button(str(number)) for number in range(26)]},
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    (
        {"type": "actions", "elements": [button("same"), button("same")]},
        "`action_id` 'same' already exists [json-pointer:/blocks/0/elements/1/action_id]",
    ),
    (
        {"type": "actions", "elements": [button(value="v" * 2001)]},
        "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
    ),
    (
        {"type": "actions", "elements": [button(text=plain("x" * 76))]},
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
    ),
    (
        {"type": "actions", "elements": [button("x" * 256)]},
        "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
    ),
    (
        {"type": "actions", "elements": [button(style="warning")]},
        "must be one of [primary, danger] [json-pointer:/blocks/0/elements/0/style]",
    ),
    (
        {"type": "section", "text": mrkdwn("x"), "accessory": {"type": "overflow", "options": [OPTION] * 6}},
        "no more than 5 items allowed [json-pointer:/blocks/0/accessory/options]",
    ),
    ({"type": "image", "image_url": "https://x/a.png"}, "missing required field: alt_text [json-pointer:/blocks/0]"),
    ({"type": "carousel"}, "unsupported type: carousel [json-pointer:/blocks/0/type]"),
    ({"type": "plan", "title": "x"}, "missing required field: tasks [json-pointer:/blocks/0]"),
    (
        {
            "type": "plan",
            "title": "x",
            "tasks": [{"type": "task_card", "task_id": "a", "title": "A", "status": "completed"}],
        },
        "must be one of [pending, in_progress, complete, error] [json-pointer:/blocks/0/tasks/0/status]",
    ),
    (
        {"type": "table", "rows": [[{"type": "raw_text", "text": ""}]]},
        "must be more than 0 characters [json-pointer:/blocks/0/rows/0/0/text]",
    ),
    (
        {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}], [{"type": "raw_text", "text": "a"}] * 2]},
        "all rows must have the same number of cells [json-pointer:/blocks/0/rows]",
    ),
    ({"type": "divider", "colour": "red"}, "invalid additional property: colour [json-pointer:/blocks/0]"),
]


@pytest.mark.parametrize(("block", "problem"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_refused_blocks(block: dict[str, Any], problem: str) -> None:
    assert problems_of_message([block]) == [problem]


def test_at_most_fifty_blocks_with_distinct_ids() -> None:
    divider = {"type": "divider"}
    assert problems_of_message([divider] * 50) == []
    assert problems_of_message([divider] * 51) == ["no more than 50 items allowed [json-pointer:/blocks]"]
    twice = [divider | {"block_id": "x"}] * 2
    assert problems_of_message(twice) == ["`block_id` 'x' already exists [json-pointer:/blocks/1/block_id]"]


def test_the_limit_of_all_text() -> None:
    assert not is_too_long([{"type": "section", "text": mrkdwn("x" * 2600)}] * 5)
    assert is_too_long([{"type": "section", "text": mrkdwn("x" * 2601)}] * 5)


def test_forms() -> None:
    field = {"type": "input", "label": plain("Host"), "element": {"type": "plain_text_input", "action_id": "host"}}
    modal = {"type": "modal", "title": plain("Diagnose"), "submit": plain("Check"), "blocks": [field] * 100}
    assert problems_of_view(modal) == []
    assert problems_of_view(modal | {"blocks": [field] * 101}) == [
        "no more than 100 items allowed [json-pointer:/view/blocks]"
    ]
    assert problems_of_view(modal | {"title": plain("x" * 25)}) == [
        "must be less than 25 characters [json-pointer:/view/title/text]"
    ]
    without = {name: part for name, part in modal.items() if name != "submit"}
    assert problems_of_view(without) == ["missing required field: submit [json-pointer:/view]"]
    markdown = {"type": "home", "blocks": [{"type": "markdown", "text": "x"}]}
    assert problems_of_view(markdown) == ["unsupported type: markdown [json-pointer:/view/blocks/0/type]"]
