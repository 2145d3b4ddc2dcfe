"""The current faults of a gateway, and the settings changed since it last worked."""

from bot.messages.blocks import Block, plain, raw, section
from bot.messages.gateway_lines import change_text, listed
from bot.messages.phrases import DATE_AND_TIME, local_time, long_duration, since_when
from workers.records.gateway_state import GatewayState


def current_faults(state: GatewayState | None) -> list[Block]:
    """The faults of a gateway that does not work now, each with the time since which it exists."""
    if state is None or not (state.broken or state.starting_since):
        return []
    heading = "⏳ *Starting, waits for*" if state.starting_since else "❌ *Broken by*"
    faults = state.pending if state.starting_since else state.faults
    return list(
        listed(heading, faults, lambda each: f"• {plain(f'{each.code} {each.title}')} · {since_when(each.beginning)}")
    )


def since_healthy_blocks(state: GatewayState | None) -> list[Block]:
    """The changes since the gateway last worked; none if it works now or has no history."""
    if state is None or not (state.broken or state.inconclusive_since or state.starting_since):
        return []
    if state.healthy_at is None:
        since = f", which begins {local_time(state.known_since, DATE_AND_TIME)}" if state.known_since else ""
        return [section(raw(f"*Never seen working* in the recorded history{since}."))]
    worked = local_time(state.healthy_at, DATE_AND_TIME)
    drift = state.changed_since_healthy
    if drift:
        ago = long_duration((state.at - state.healthy_at).total_seconds())
        heading = f"*Changed since it last worked*, {worked} ({ago} before the last check)"
        return list(listed(heading, drift, lambda each: f"• {change_text(each)}"))
    return [
        section(raw(f"Egress IP prefix, versions and configuration have not changed since it last worked, {worked}."))
    ]
