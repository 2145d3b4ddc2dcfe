"""The form that `/egress-diag` opens, with cluster, gateway, host and client.

It opens without fields, because Slack's trigger expires after three seconds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.messages.blocks import Block, cut_label, plain, section, text_object
from bot.messages.interaction_values import GatewayFormMetadata, WrongResultMetadata
from workers.records.run import Target

CALLBACK = "diagnose"
_OPTION_TEXT = 75
"""Slack's limit for the text of an option."""

_MAX_OPTIONS = 100


def loading_form(channel: str) -> dict[str, Any]:
    """The form to open at once: its trigger expires after three seconds."""
    return _view(GatewayFormMetadata(channel=channel, cluster=""), [section(plain("Loading…"))], submit=False)


def form_notice(channel: str, words: str) -> dict[str, Any]:
    """The form with a notice instead of fields."""
    return _view(GatewayFormMetadata(channel=channel, cluster=""), [section(plain(words))], submit=False)


def diagnose_form(channel: str, clusters: Sequence[str], chosen: str | None, last: Target | None) -> dict[str, Any]:
    """The form, filled in with `last`, the target last diagnosed in this channel."""
    first = [last.cluster] if last is not None and last.cluster in clusters else []
    ordered = [*first, *(name for name in clusters if name not in first)][:_MAX_OPTIONS]
    cluster = chosen if chosen in ordered else ordered[0]
    filled = last if last is not None and last.cluster == cluster else None
    select: dict[str, Any] = {
        "type": "static_select",
        "action_id": "cluster",
        "options": [_option(name) for name in ordered],
        "initial_option": _option(cluster),
    }
    gateway: dict[str, Any] = {
        "type": "external_select",
        "action_id": "gateway",
        "min_query_length": 0,
        "placeholder": text_object("Type a name"),
    }
    if filled is not None:
        gateway["initial_option"] = _option(
            f"{filled.namespace}/{filled.gateway}" if filled.namespace else filled.gateway
        )
    # The block id depends on the cluster, so that Slack drops the choice made for another cluster.
    blocks: list[Block] = [
        {
            "type": "input",
            "block_id": "cluster",
            "label": text_object("Cluster"),
            "element": select,
            "dispatch_action": True,
        },
        {"type": "input", "block_id": f"gateway/{cluster}"[:255], "label": text_object("Gateway"), "element": gateway},
        _text(
            "host", "Host", "api.bank.example:443", filled.host if filled else None, "Also check the route to this host"
        ),
        _text(
            "from",
            "From",
            "checkout/web",
            filled.client if filled else None,
            "Check the route from this namespace or workload",
        ),
    ]
    return _view(GatewayFormMetadata(channel=channel, cluster=cluster), blocks, submit=True)


def gateway_options(known: Sequence[str], typed: str) -> list[dict[str, Any]]:
    """The gateway field's options: known gateways that contain the typed text, and the text."""
    wanted = typed.strip().lower()
    found = [name for name in known if wanted in name.lower()][: _MAX_OPTIONS - 1]
    if wanted and wanted not in (name.lower() for name in found):
        found.append(typed.strip())
    return [_option(name) for name in found if len(name) <= _OPTION_TEXT]


def form_values(view: Mapping[str, Any]) -> dict[str, str]:
    """The values of a submitted form, by field."""
    found: dict[str, str] = {}
    for block, elements in ((view.get("state") or {}).get("values") or {}).items():
        for element in elements.values():
            option = element.get("selected_option") or {}
            value = option.get("value") or element.get("selected_user") or element.get("value")
            if value:
                found[block.split("/", 1)[0]] = str(value).strip()
    return found


def block_of(view: Mapping[str, Any], field: str) -> str:
    """The block id of a field, for an error message."""
    return next((b["block_id"] for b in view.get("blocks", ()) if b["block_id"].split("/", 1)[0] == field), field)


def outdated_form() -> dict[str, Any]:
    """The replacement of a form that an earlier version of the bot has opened."""
    words = "This form was opened by an earlier version of the bot, and nothing was done. Close it and open it again."
    return {
        "type": "modal",
        "title": text_object("Outdated form"),
        "close": text_object("Close"),
        "blocks": [section(plain(words))],
    }


def wrong_result_form(channel: str, run_id: str) -> dict[str, Any]:
    """The form to report a wrong result."""
    element = {"type": "plain_text_input", "action_id": "comment", "multiline": True, "max_length": 3000}
    return {
        "type": "modal",
        "callback_id": "wrong",
        "private_metadata": WrongResultMetadata(channel=channel, run=run_id).encode(),
        "title": text_object("Wrong result"),
        "submit": text_object("Report"),
        "close": text_object("Cancel"),
        "blocks": [
            section(plain("The run and its evidence are kept for the maintainers of the checks.")),
            {"type": "input", "block_id": "comment", "label": text_object("What is wrong?"), "element": element},
        ],
    }


def _view(metadata: GatewayFormMetadata, blocks: list[Block], *, submit: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": metadata.encode(),
        "title": text_object("Check a gateway"),
        "close": text_object("Cancel"),
        "blocks": blocks,
    }
    return {**view, "submit": text_object("Check")} if submit else view


def _text(block: str, label: str, example: str, filled: str | None, hint: str) -> Block:
    element: dict[str, Any] = {"type": "plain_text_input", "action_id": block, "placeholder": text_object(example)}
    if filled:
        element["initial_value"] = filled
    return {
        "type": "input",
        "block_id": block,
        "optional": True,
        "label": text_object(label),
        "hint": text_object(hint),
        "element": element,
    }


def _option(name: str) -> dict[str, Any]:
    return {"text": text_object(cut_label(name)), "value": name[:150]}
