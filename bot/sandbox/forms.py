"""Filling in forms: what a view's state looks like for the values that somebody typed or chose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from bot.sandbox.state import JsonObject, elements_of

# What a person gives for a field: a text, an option's value, several of them, or a whole option.
Given: TypeAlias = str | list[str] | JsonObject | None

# The field of a state value that holds what was chosen, and the field of the element that holds the initial one.
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
    """`state.values` of the blocks: what is given by action or block id or both, else kept, else the initial value.

    `offered` are the options that the bot offered for external selects, by action id.
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
    """The state of an element that nobody has touched."""
    field, source = _FIELDS[element["type"]]
    empty: object = [] if field == "selected_options" else None
    return {"type": element["type"], field: element.get(source, empty)}


def chosen(element: JsonObject, given: Given, offered: list[JsonObject]) -> JsonObject:
    """The state of an element for what somebody typed or chose; ValueError when there is no such option."""
    field, _ = _FIELDS[element["type"]]
    if field == "selected_option":
        return {"type": element["type"], field: _option(element, given, offered) if given else None}
    if field == "selected_options":
        many = given if isinstance(given, list) else [given] if given else []
        return {"type": element["type"], field: [_option(element, one, offered) for one in many]}
    return {"type": element["type"], field: given or None}


def missing(blocks: tuple[JsonObject, ...], values: JsonObject) -> dict[str, str]:
    """The fields that must be filled in and are not, with what Slack's client says about them, by block id."""
    empty: dict[str, str] = {}
    for block, element in elements_of(blocks):
        if block["type"] != "input" or block.get("optional"):
            continue
        value = values.get(block["block_id"], {}).get(element["action_id"], {})
        if not value.get(_FIELDS[element["type"]][0]):
            empty[block["block_id"]] = "Please complete this required field."
    return empty


def options_of(element: JsonObject) -> list[JsonObject]:
    """The options that an element carries itself, those of its groups included."""
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
    """The options that are chosen from the start."""
    one = element.get("initial_option")
    return [one] if one else list(element.get("initial_options", ()))
