"""The rules of Block Kit for blocks, as data: https://docs.slack.dev/reference/block-kit

Tables and plans are supported; `faults.refuse_blocks("table", "plan")` makes the workspace one without them. Other blocks that
Slack rolls out by workspace (container, carousel, …) are not supported: the answer is `invalid_blocks`, as in a workspace
without them.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.sandbox.model.element_rules import (
    BUTTON,
    CHOICES,
    COMMON,
    ID,
    IMAGE_ELEMENT,
    MULTI,
    OVERFLOW,
    TEXT_INPUT,
    any_text,
    plain_text,
)
from bot.sandbox.model.schema import (
    Problems,
    SchemaRule,
    also,
    anything,
    array,
    boolean,
    distinct,
    fields,
    integer,
    needs_one,
    one_of,
    same_length,
    string,
    tagged,
    url,
)
from bot.sandbox.model.texts import JsonObject, texts_of

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
# The total text of a message's blocks; an observed limit, not documented.
TOTAL_TEXT = 13_000
# https://docs.slack.dev/reference/block-kit/blocks/markdown-block: the total of all markdown blocks of a payload.
MARKDOWN_TEXT = 12_000


_LINK = fields(COMMON | {"url": url()}, {"text": string(3000), "unsafe": boolean, "style": anything})
_RICH_TEXT_ELEMENTS = tagged(
    {
        "text": fields(COMMON | {"text": string(12_000)}, {"style": anything}),
        "emoji": fields(COMMON | {"name": ID}, {"unicode": ID, "style": anything}),
        "link": _LINK,
        "user": fields(COMMON | {"user_id": ID}, {"style": anything}),
        "usergroup": fields(COMMON | {"usergroup_id": ID}, {"style": anything}),
        "channel": fields(COMMON | {"channel_id": ID}, {"style": anything}),
        "broadcast": fields(COMMON | {"range": one_of("here", "channel", "everyone")}, {"style": anything}),
        "date": fields(
            COMMON | {"timestamp": integer(0, 2**40), "format": string(255)},
            {"url": url(), "fallback": string(255), "style": anything},
        ),
        "color": fields(COMMON | {"value": string(32)}, {"style": anything}),
    }
)
_RICH_SECTION = fields(COMMON | {"elements": array(_RICH_TEXT_ELEMENTS, most=1000)})
_RICH_TEXT_PARTS = tagged(
    {
        "rich_text_section": _RICH_SECTION,
        "rich_text_list": fields(
            COMMON | {"style": one_of("bullet", "ordered"), "elements": array(_RICH_SECTION, most=1000)},
            {"indent": integer(0, 8), "offset": integer(0, 10_000), "border": integer(0, 1)},
        ),
        "rich_text_preformatted": fields(
            COMMON | {"elements": array(_RICH_TEXT_ELEMENTS, most=1000)},
            {"border": integer(0, 1), "language": string(64)},
        ),
        "rich_text_quote": fields(
            COMMON | {"elements": array(_RICH_TEXT_ELEMENTS, most=1000)}, {"border": integer(0, 1)}
        ),
    }
)


# https://docs.slack.dev/reference/block-kit/blocks/table-block
TABLE_ROWS = 100
TABLE_COLUMNS = 20
TABLE_TEXT = 10_000
# Not documented: far below what Slack accepts.
PLAN_TASKS = 50
TASK_TITLE = 256


def _block(required: dict[str, SchemaRule], optional: dict[str, SchemaRule] | None = None) -> SchemaRule:
    return fields(COMMON | required, {"block_id": ID} | (optional or {}))


_SECTION = also(
    _block(
        {},
        {
            "text": any_text(3000),
            "fields": array(any_text(2000), most=10),
            "expand": boolean,
            "accessory": tagged({"button": BUTTON, "image": IMAGE_ELEMENT, "overflow": OVERFLOW} | CHOICES | MULTI),
        },
    ),
    needs_one("text", "fields"),
)
_CONTEXT_ELEMENTS = tagged(
    {
        "image": IMAGE_ELEMENT,
        "plain_text": fields(COMMON | {"text": string(3000)}, {"emoji": boolean}),
        "mrkdwn": fields(COMMON | {"text": string(3000)}, {"verbatim": boolean}),
    }
)
_ACTIONS = _block(
    {
        "elements": also(
            array(tagged({"button": BUTTON, "overflow": OVERFLOW} | CHOICES), most=25),
            distinct("action_id"),
        )
    }
)
_CELLS = tagged(
    {
        "raw_text": fields(COMMON | {"text": string(TABLE_TEXT)}),
        "rich_text": fields(COMMON | {"elements": array(_RICH_TEXT_PARTS, most=1000)}),
    }
)
# https://docs.slack.dev/reference/block-kit/blocks/task-card-block; within a plan, a task card is no block of its own.
_RICH_TEXT = fields(COMMON | {"elements": array(_RICH_TEXT_PARTS, most=1000)})
_TASK = fields(
    COMMON
    | {
        "task_id": ID,
        "title": string(TASK_TITLE),
        "status": one_of("pending", "in_progress", "complete", "error"),
    },
    {"details": _RICH_TEXT, "output": _RICH_TEXT, "sources": array(anything, most=100)},
)
_COLUMNS = array(fields({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean}), most=TABLE_COLUMNS)
MESSAGE_RULES: dict[str, SchemaRule] = {
    "section": _SECTION,
    "header": _block({"text": plain_text(150)}),
    "divider": _block({}),
    "context": _block({"elements": array(_CONTEXT_ELEMENTS, most=10)}),
    "actions": _ACTIONS,
    "image": also(
        _block(
            {"alt_text": string(2000)},
            {
                "title": plain_text(2000),
                "image_url": url(),
                "slack_file": also(fields({}, {"id": ID, "url": url()}), needs_one("id", "url")),
            },
        ),
        needs_one("image_url", "slack_file"),
    ),
    "rich_text": _block({"elements": array(_RICH_TEXT_PARTS, most=1000)}),
    "markdown": _block({"text": string(MARKDOWN_TEXT)}),
    "plan": _block({"title": string(TASK_TITLE), "tasks": also(array(_TASK, most=PLAN_TASKS), distinct("task_id"))}),
    "table": also(
        _block({"rows": array(array(_CELLS, most=TABLE_COLUMNS), most=TABLE_ROWS)}, {"column_settings": _COLUMNS}),
        same_length("rows"),
    ),
}
_INPUT = _block(
    {"label": plain_text(2000), "element": tagged({"plain_text_input": TEXT_INPUT} | CHOICES | MULTI)},
    {"hint": plain_text(2000), "optional": boolean, "dispatch_action": boolean},
)
# https://docs.slack.dev/reference/block-kit/blocks: markdown, plan and table are allowed in messages only.
VIEW_RULES: dict[str, SchemaRule] = {
    name: rule for name, rule in MESSAGE_RULES.items() if name not in ("markdown", "plan", "table")
} | {"input": _INPUT}
MESSAGE_INPUT_RULES = MESSAGE_RULES | {"input": _INPUT}

_VIEW_FIELDS: dict[str, SchemaRule] = {
    "callback_id": string(255, least=0),
    "private_metadata": string(3000, least=0),
    "external_id": ID,
}


def problems_of_message(blocks: object, refused: frozenset[str] = frozenset()) -> Problems:
    """The problems for which Slack would refuse the blocks of a message."""
    return _problems(blocks, MESSAGE_INPUT_RULES, MESSAGE_BLOCKS, "/blocks", refused, least=0)


def problems_of_view(view: object, refused: frozenset[str] = frozenset()) -> Problems:
    """The problems for which Slack would refuse a modal or a home view."""
    blocks = also(array(tagged(VIEW_RULES, refused=refused), most=VIEW_BLOCKS, least=1), distinct("block_id"))
    modal = fields(
        COMMON | {"title": plain_text(24), "blocks": blocks},
        _VIEW_FIELDS
        | {
            "submit": plain_text(24),
            "close": plain_text(24),
            "clear_on_close": boolean,
            "notify_on_close": boolean,
            "submit_disabled": boolean,
        },
    )
    home = fields(COMMON | {"blocks": blocks}, _VIEW_FIELDS)
    found: Problems = []
    tagged({"modal": also(modal, _submit_wanted), "home": home})(view, "/view", found)
    return found


def _submit_wanted(value: object, pointer: str, found: Problems) -> None:
    if isinstance(value, dict) and "submit" not in value and any(b["type"] == "input" for b in value["blocks"]):
        found.append(f"missing required field: submit [json-pointer:{pointer}]")


def _problems(
    blocks: object, rules: dict[str, SchemaRule], most: int, pointer: str, refused: frozenset[str], *, least: int
) -> Problems:
    found: Problems = []
    also(array(tagged(rules, refused=refused), most=most, least=least), distinct("block_id"))(blocks, pointer, found)
    if not found and isinstance(blocks, list):
        markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
        if markdown > MARKDOWN_TEXT:
            found.append(
                f"markdown blocks must be less than {MARKDOWN_TEXT + 1} characters together [json-pointer:{pointer}]"
            )
    return found


def table_problem(blocks: Iterable[JsonObject]) -> str:
    """The reason why Slack refuses these valid blocks with `invalid_attachments`; or ""."""
    tables = [block for block in blocks if block["type"] == "table"]
    if len(tables) > 1:
        return "only_one_table_allowed"
    if sum(len(text) for text in texts_of(tables)) > TABLE_TEXT:
        return "table_characters_exceeded"
    return ""


def is_too_long(blocks: Iterable[object]) -> bool:
    """Whether the total text of the blocks exceeds Slack's limit."""
    return sum(len(text) for text in texts_of(list(blocks))) > TOTAL_TEXT
