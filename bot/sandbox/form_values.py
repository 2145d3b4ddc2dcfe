"""The state of a form after a person has filled it in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from bot.sandbox.model.texts import JsonObject, elements_of

# The input for a field: a text, the value of an option, several values, or a complete option.
Given: TypeAlias = str | list[str] | JsonObject | None

# By element type: the field of a state value with the choice, and the field of the element with its initial value.
_FIELDS = {
    "plain_text_input": ("value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "overflow": ("selected_option", ""),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "checkboxes": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "channels_select": ("selected_channel", "initial_channel"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "timepicker": ("selected_time", "initial_time"),
    "datepicker": ("selected_date", "initial_date"),
}


def view_state(
    blocks: tuple[JsonObject, ...],
    given: Mapping[str, Given],
    kept: JsonObject | None,
    offered: Mapping[str, list[JsonObject]],
) -> JsonObject:
    """`state.values` of the blocks: the given value, else the kept value, else the initial one.

    `offered` are the options of external selects, by action id.
    """
    values: JsonObject = {}
    for block, element in elements_of(blocks):
        if element["type"] not in _FIELDS or element["type"] == "overflow":
            continue
        block_id, action_id = str(block["block_id"]), str(element["action_id"])
        key = next((name for name in (f"{block_id}/{action_id}", action_id, block_id) if name in given), None)
        if key is not None:
            value = chosen(element, given[key], offered.get(action_id, []))
        else:
            value = (kept or {}).get(block_id, {}).get(action_id) or initial(element)
        values.setdefault(block_id, {})[action_id] = value
    return values


def initial(element: JsonObject) -> JsonObject:
    """The initial state of an element."""
    field, source = _FIELDS[element["type"]]
    empty: object = [] if field == "selected_options" else None
    return {"type": element["type"], field: element.get(source, empty)}


def chosen(element: JsonObject, given: Given, offered: list[JsonObject]) -> JsonObject:
    """The state of an element for an input. Raises ValueError for an unknown option."""
    field, _ = _FIELDS[element["type"]]
    if field == "selected_option":
        return {"type": element["type"], field: _option(element, given, offered) if given else None}
    if field == "selected_options":
        many = given if isinstance(given, list) else [given] if given else []
        return {"type": element["type"], field: [_option(element, one, offered) for one in many]}
    return {"type": element["type"], field: given or None}


def missing(blocks: tuple[JsonObject, ...], values: JsonObject) -> dict[str, str]:
    """The required fields that are empty, with the message of Slack's client, by block id."""
    empty: dict[str, str] = {}
    for block, element in elements_of(blocks):
        if block["type"] != "input" or block.get("optional"):
            continue
        value = values.get(block["block_id"], {}).get(element["action_id"], {})
        if not value.get(_FIELDS[element["type"]][0]):
            empty[block["block_id"]] = "Complete this required field."
    return empty


def options_of(element: JsonObject) -> list[JsonObject]:
    """The options of an element, including those of its groups."""
    grouped = [option for group in element.get("option_groups", ()) for option in group["options"]]
    return [*element.get("options", ()), *grouped]


def _option(element: JsonObject, given: object, offered: list[JsonObject]) -> JsonObject:
    if isinstance(given, dict):
        return given
    candidates = [*options_of(element), *offered, *initial_options(element)]
    found = next((option for option in candidates if option["value"] == given), None)
    if found is None:
        raise ValueError(f"{element['action_id']} offers no option {given!r}, only {[o['value'] for o in candidates]}")
    return found


def initial_options(element: JsonObject) -> list[JsonObject]:
    """The options that are initially selected."""
    one = element.get("initial_option")
    return [one] if one else list(element.get("initial_options", ()))
