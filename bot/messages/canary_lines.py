"""The scheduled probes of a gateway, as a line of digests and of its history."""

from bot.messages.blocks import Escaped, as_code, plain, raw
from bot.messages.gateway_lines import gateway_on
from workers.records.canary import CanarySummary

_MOST_ADDRESSES = 3


def canary_line(found: CanarySummary) -> str:
    """A gateway, or a cluster in which none could be probed, with its scheduled probes."""
    place = gateway_on(found.cluster, found.gateway) if found.gateway else as_code(found.cluster)
    return f"• {place}: {canary_text(found)}"


def canary_text(found: CanarySummary) -> Escaped:
    """Such as `leaves as 20.50.60.1, 312 probes of 312, median 0.42 s`, with what did not pass."""
    counted = f"{found.passed} probes of {found.total}"
    parts = [counted]
    if found.passed:
        parts = [f"leaves as {_listed(found.addresses)}, {counted}, median {found.median_seconds:.2f} s"]
    if found.failed:
        other = _listed(found.other_addresses)
        parts.append(f"{found.failed} left as {other}" if other else f"{found.failed} got no answer")
    if found.not_run:
        parts.append(f"{found.not_run} did not run")
    problem = f". Last problem: {found.problem}" if found.problem and not found.clean else ""
    return raw(str(plain("; ".join(parts) + problem)))


def _listed(addresses: tuple[str, ...]) -> str:
    more = f" and {len(addresses) - _MOST_ADDRESSES} more" if len(addresses) > _MOST_ADDRESSES else ""
    return ", ".join(addresses[:_MOST_ADDRESSES]) + more
