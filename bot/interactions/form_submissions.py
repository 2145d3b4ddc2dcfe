"""Submitted forms: the person, the channel, and the metadata with which they were opened."""

from collections.abc import Mapping
from typing import Any, TypeVar

from slack_bolt import Ack

from bot.interactions.interaction import Interaction
from bot.messages.diagnose_form import outdated_form
from bot.messages.interaction_values import FormMetadata, OutdatedValue

_Metadata = TypeVar("_Metadata", bound=FormMetadata)


def submitted_metadata(ack: Ack, kind: type[_Metadata], view: Mapping[str, Any]) -> _Metadata | None:
    """The metadata of a submitted form.

    None if an earlier version of the bot opened the form, which the form then says.
    """
    try:
        return kind.decode(str(view.get("private_metadata", "")))
    except OutdatedValue:
        ack(response_action="update", view=outdated_form())
        return None


def form_interaction(body: Mapping[str, Any], channel: str) -> Interaction:
    """The interaction of a person with a form that was opened in a channel."""
    view = body.get("view") or {}
    return Interaction(
        user=str((body.get("user") or {}).get("id", "")),
        channel=channel,
        team=str((body.get("team") or {}).get("id", "")),
        key=f"form/{view.get('id', '')}/{view.get('hash', '')}",
    )
