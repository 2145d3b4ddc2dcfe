"""The rules of Block Kit for text objects and interactive elements, as data.

https://docs.slack.dev/reference/block-kit/block-elements
"""

from __future__ import annotations

from bot.sandbox.model.schema import (
    SchemaRule,
    also,
    anything,
    array,
    boolean,
    fields,
    integer,
    needs_one,
    one_of,
    string,
    tagged,
    url,
)


def plain_text(most: int) -> SchemaRule:
    """A plain_text object of at most `most` characters."""
    return tagged({"plain_text": fields({"type": anything, "text": string(most)}, {"emoji": boolean})})


def any_text(most: int) -> SchemaRule:
    """A plain_text or mrkdwn object of at most `most` characters."""
    return tagged(
        {
            "plain_text": fields({"type": anything, "text": string(most)}, {"emoji": boolean}),
            "mrkdwn": fields({"type": anything, "text": string(most)}, {"verbatim": boolean}),
        }
    )


ID = string(255)
CONFIRM = fields(
    {"title": plain_text(100), "text": any_text(300), "confirm": plain_text(30), "deny": plain_text(30)},
    {"style": one_of("primary", "danger")},
)
_OPTION = fields({"text": any_text(75), "value": string(150)}, {"description": any_text(75), "url": url()})
PLAIN_OPTION = fields({"text": plain_text(75), "value": string(150)}, {"description": plain_text(75), "url": url()})
OPTION_GROUP = fields({"label": plain_text(75), "options": array(PLAIN_OPTION, most=100)})
DISPATCH = fields({}, {"trigger_actions_on": array(one_of("on_enter_pressed", "on_character_entered"), most=2)})

COMMON: dict[str, SchemaRule] = {"type": anything}
_CHOICE: dict[str, SchemaRule] = {
    "action_id": ID,
    "confirm": CONFIRM,
    "focus_on_load": boolean,
    "placeholder": plain_text(150),
}
_LIST: dict[str, SchemaRule] = {
    "options": array(PLAIN_OPTION, most=100),
    "option_groups": array(OPTION_GROUP, most=100),
}
_MANY: dict[str, SchemaRule] = {"max_selected_items": integer(1, 100)}


def _element(required: dict[str, SchemaRule], optional: dict[str, SchemaRule]) -> SchemaRule:
    return fields(COMMON | required, {"action_id": ID} | optional)


BUTTON = _element(
    {"text": plain_text(75)},
    {
        "value": string(2000),
        "url": url(),
        "style": one_of("primary", "danger"),
        "confirm": CONFIRM,
        "accessibility_label": string(75),
    },
)
IMAGE_ELEMENT = also(
    fields(
        COMMON | {"alt_text": string(2000)},
        {"image_url": url(), "slack_file": also(fields({}, {"id": ID, "url": url()}), needs_one("id", "url"))},
    ),
    needs_one("image_url", "slack_file"),
)
OVERFLOW = _element({"options": array(PLAIN_OPTION, most=5)}, {"confirm": CONFIRM})
STATIC_SELECT = also(
    _element({}, _CHOICE | _LIST | {"initial_option": PLAIN_OPTION}), needs_one("options", "option_groups")
)
EXTERNAL_SELECT = _element({}, _CHOICE | {"initial_option": PLAIN_OPTION, "min_query_length": integer(0, 100)})
MULTI_STATIC = also(
    _element({}, _CHOICE | _LIST | _MANY | {"initial_options": array(PLAIN_OPTION, most=100)}),
    needs_one("options", "option_groups"),
)
MULTI_EXTERNAL = _element(
    {}, _CHOICE | _MANY | {"initial_options": array(PLAIN_OPTION, most=100), "min_query_length": integer(0, 100)}
)
USERS_SELECT = _element({}, _CHOICE | {"initial_user": ID})
CHANNELS_SELECT = _element({}, _CHOICE | {"initial_channel": ID, "response_url_enabled": boolean})
CONVERSATIONS_SELECT = _element(
    {},
    _CHOICE
    | {
        "initial_conversation": ID,
        "default_to_current_conversation": boolean,
        "response_url_enabled": boolean,
        "filter": anything,
    },
)
CHECKBOXES = _element(
    {"options": array(_OPTION, most=10)},
    {"initial_options": array(_OPTION, most=10), "confirm": CONFIRM, "focus_on_load": boolean},
)
RADIO = _element(
    {"options": array(_OPTION, most=10)}, {"initial_option": _OPTION, "confirm": CONFIRM, "focus_on_load": boolean}
)
TEXT_INPUT = _element(
    {},
    {
        "initial_value": string(3000),
        "multiline": boolean,
        "min_length": integer(0, 3000),
        "max_length": integer(1, 3000),
        "dispatch_action_config": DISPATCH,
        "focus_on_load": boolean,
        "placeholder": plain_text(150),
    },
)
TIMEPICKER = _element(
    {},
    {
        "initial_time": string(5),
        "confirm": CONFIRM,
        "focus_on_load": boolean,
        "placeholder": plain_text(150),
        "timezone": ID,
    },
)
DATEPICKER = _element(
    {}, {"initial_date": string(10), "confirm": CONFIRM, "focus_on_load": boolean, "placeholder": plain_text(150)}
)

SELECTS: dict[str, SchemaRule] = {
    "static_select": STATIC_SELECT,
    "external_select": EXTERNAL_SELECT,
    "users_select": USERS_SELECT,
    "channels_select": CHANNELS_SELECT,
    "conversations_select": CONVERSATIONS_SELECT,
}
CHOICES: dict[str, SchemaRule] = SELECTS | {
    "checkboxes": CHECKBOXES,
    "radio_buttons": RADIO,
    "timepicker": TIMEPICKER,
    "datepicker": DATEPICKER,
}
MULTI: dict[str, SchemaRule] = {"multi_static_select": MULTI_STATIC, "multi_external_select": MULTI_EXTERNAL}
