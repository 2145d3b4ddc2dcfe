"""What is otherwise than when a gateway last worked: field, before, after, and who and when where the cluster tells."""

from bot.messages.blocks import Block, plain, raw, section
from bot.messages.gateway_lines import DAY, change_text, listed, long_duration
from bot.messages.phrases import local_time
from workers.fleet.records import GatewayState
from workers.fleet.transitions import since_well


def since_healthy_blocks(state: GatewayState | None) -> list[Block]:
    """The difference to the last look at which the gateway worked; nothing for one that works, or that nobody knows."""
    if state is None or not (state.broken or state.unseen):
        return []
    if state.well_at is None:
        known = f" since {local_time(state.known_since, DAY)}" if state.known_since else ""
        return [section(raw(f"*It has not been seen working*, as far as is remembered{known}."))]
    ago = long_duration((state.at - state.well_at).total_seconds())
    head = f"*Otherwise than when it last worked*, {local_time(state.well_at, DAY)} ({ago} before the last look)"
    drift = since_well(state)
    if drift:
        return list(listed(head, drift, lambda each: f"• {change_text(each)}"))
    words = "Nothing of its range, versions and configuration is set otherwise than when it last worked"
    return [section(raw(f"{plain(words)}, {local_time(state.well_at, DAY)}."))]
