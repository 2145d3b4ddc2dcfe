"""Listeners for digests, handoffs and mutes: commands, forms and buttons."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from slack_bolt import Ack, App, BoltContext

from bot.fleet import fleet_forms
from bot.fleet.digests import (
    add_digest,
    list_digests,
    open_digest_form,
    post_digest_now,
    remove_digest,
    remove_numbered_digest,
)
from bot.fleet.handoff_messages import TAKE_HANDOFF
from bot.fleet.handoffs import draft_handoff, post_handoff, take_over
from bot.fleet.mutes import mute_fault, unmute_fault
from bot.grammar.fleet_commands import (
    DigestAdd,
    DigestList,
    DigestNow,
    DigestRemove,
    FleetCommand,
    HandOver,
    MuteFault,
    Unmute,
)
from bot.interactions.form_submissions import form_interaction, submitted_metadata
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.messages import answers
from bot.messages.blocks import Message
from bot.messages.diagnose_form import form_values
from bot.messages.interaction_values import FormMetadata, HandoffMetadata
from workers.client import Unavailable, redis_problem


def register_fleet(app: App, handler: InteractionHandler) -> None:
    """Register the listeners for the buttons and forms of digests and handoffs."""

    def pressed(name: str, do: Callable[[InteractionHandler, str, Interaction], Message | None]) -> None:
        @app.action(re.compile(rf"^{name}(/.*)?$"))
        def listen(ack: Ack, body: dict[str, Any], action: dict[str, Any], context: BoltContext) -> None:
            ack()
            context["acknowledged"] = True
            interaction, value = _pressed(body, action), str(action.get("value", ""))
            handler.once(interaction, f"button {name}", value, lambda: do(handler, value, interaction))

    pressed(TAKE_HANDOFF, take_over)
    pressed(fleet_forms.REMOVE_DIGEST, remove_digest)

    @app.action(re.compile(r"^(next|note|clusters|time|days|zone|show)$"))
    def filled(ack: Ack) -> None:
        ack()

    @app.view(fleet_forms.DIGEST_CALLBACK)
    def added(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        if (metadata := submitted_metadata(ack, FormMetadata, view)) is not None:
            add_digest(handler, ack, form_interaction(body, metadata.channel), view)

    @app.view(fleet_forms.HANDOFF_CALLBACK)
    def handed_over(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        metadata = submitted_metadata(ack, HandoffMetadata, view)
        if metadata is None:
            return
        ack()
        interaction = form_interaction(body, metadata.channel)
        filled_in = form_values(view)
        command = HandOver(timedelta(seconds=metadata.span), filled_in.get("next", ""), filled_in.get("note", ""))
        # The handoff takes its id from the form, so that a form delivered twice posts one handoff.
        handoff_id = re.sub(r"\W", "", str(view.get("id", "")))
        handler.once(interaction, "form handoff", "", lambda: post_handoff(handler, command, interaction, handoff_id))


def run_fleet_command(handler: InteractionHandler, command: FleetCommand, interaction: Interaction) -> Message | None:
    """Carry out a command. None if its result is posted in the channel."""
    try:
        match command:
            case HandOver():
                return draft_handoff(handler, command, interaction)
            case DigestList():
                return list_digests(handler, interaction)
            case DigestAdd():
                return open_digest_form(handler, interaction)
            case DigestRemove(which):
                return remove_numbered_digest(handler, which, interaction)
            case DigestNow():
                return post_digest_now(handler, interaction)
            case MuteFault():
                return mute_fault(handler, command, interaction)
            case Unmute():
                return unmute_fault(handler, command, interaction)
    except Unavailable as error:
        return answers.unavailable(redis_problem(error))


def _pressed(body: dict[str, Any], action: dict[str, Any]) -> Interaction:
    user, channel = str((body.get("user") or {}).get("id", "")), str((body.get("channel") or {}).get("id", ""))
    stamp = (body.get("container") or {}).get("message_ts", "")
    return Interaction(
        user=user,
        channel=channel,
        team=str((body.get("team") or {}).get("id", "")),
        key=f"press/{stamp}/{action.get('action_id', '')}/{action.get('action_ts', '')}/{user}",
        response_url=str(body.get("response_url", "")),
        trigger=str(body.get("trigger_id", "")),
    )
