"""Mutes: faults that digests and handoffs leave out for a time."""

from datetime import UTC, datetime

from bot.access.rules import check_access
from bot.fleet import fleet_forms
from bot.grammar.fleet_commands import MuteFault, Unmute
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.messages import answers
from bot.messages.blocks import Message
from workers.records.mute import Mute
from workers.records.run import Target


def mute_fault(handler: InteractionHandler, command: MuteFault, interaction: Interaction) -> Message:
    """Leave a fault of a gateway out of digests and handoffs for a time."""
    target = command.target
    decision = check_access(handler.config, handler.requester(interaction), "digest", target.cluster, target.gateway)
    if not decision.allowed:
        return answers.access_denied(decision.reason)
    name = _full_name(handler, target, interaction)
    if not name:
        return _ambiguous(target)
    now = datetime.now(UTC)
    mute = Mute(target.cluster, name, command.check, interaction.user, command.reason, now, now + command.span)
    handler.client.fleet.mute(mute)
    return fleet_forms.mute_added(mute)


def unmute_fault(handler: InteractionHandler, command: Unmute, interaction: Interaction) -> Message:
    """End a mute."""
    target = command.target
    decision = check_access(handler.config, handler.requester(interaction), "digest", target.cluster, target.gateway)
    if not decision.allowed:
        return answers.access_denied(decision.reason)
    ended = handler.client.fleet.unmute(target.cluster, _full_name(handler, target, interaction), command.check)
    return fleet_forms.short_answer("unmuted", "The mute has ended." if ended else "This fault was not muted.")


def _full_name(handler: InteractionHandler, target: Target, interaction: Interaction) -> str:
    """`namespace/name`; empty if the name alone does not identify a gateway."""
    if target.namespace:
        return f"{target.namespace}/{target.gateway}"
    known = handler.checked_gateways(interaction, "digest", target.cluster)
    found = [name for name in known if name.split("/", 1)[1] == target.gateway]
    return found[0] if len(found) == 1 else ""


def _ambiguous(target: Target) -> Message:
    words = f'"{target.gateway}" does not identify a gateway on {target.cluster}. Write namespace/name.'
    return fleet_forms.short_answer("mistake", words)
