"""Lines that digests and handoffs share: a gateway with its fault, what drifted, what could not be seen."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

from bot.messages.blocks import Block, Escaped, as_code, plain, raw, section
from bot.messages.phrases import local_time
from checks.reports.wording import plural
from workers.fleet.digest import DriftedGateway, GatewayLine, Limit, Unchecked
from workers.fleet.records import Drift, Mute

_T = TypeVar("_T")

MAX_LINES = 12
"""Lines of one kind in a message; what is left out is counted."""

DAY = "{date_short_pretty} {time}"


def listed(head: str, things: Sequence[_T], line: Callable[[_T], str], most: int = MAX_LINES) -> Iterator[Block]:
    """A heading with one line for each, and how many more there are; nothing where there are none."""
    if not things:
        return
    lines = [line(each) for each in things[:most]]
    if len(things) > most:
        lines.append(f"… and {len(things) - most} more")
    yield section(raw("\n".join([head, *lines])))


def gateway_on(cluster: str, gateway: str) -> Escaped:
    """A gateway's name with its cluster."""
    return raw(f"{as_code(gateway)} on {as_code(cluster)}")


def long_duration(seconds: float) -> str:
    """How long something took or takes, as a person would say it."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return plural(minutes, "minute")
    hours = round(minutes / 60)
    return plural(hours, "hour") if hours < 48 else plural(round(hours / 24), "day")


def cause_of(line: GatewayLine) -> Escaped:
    """The root cause, and how many more there are."""
    if not line.faults:
        return raw("no cause is known")
    first = line.faults[0]
    more = f" (and {plural(len(line.faults) - 1, 'more cause')})" if len(line.faults) > 1 else ""
    return raw(f"{plain(first.code)} {plain(first.summary)}{more}")


def owner_of(line: GatewayLine) -> str:
    """Who is on it."""
    return f" · <@{line.owner}> is on it" if line.owner else " · nobody is on it"


def drift_line(line: DriftedGateway) -> str:
    """A gateway with what is set otherwise."""
    parts = [change_text(each) for each in line.drift[:3]]
    more = f" · and {len(line.drift) - 3} more" if len(line.drift) > 3 else ""
    return f"• {gateway_on(line.cluster, line.gateway)}: {'; '.join(parts)}{more}"


def change_text(drift: Drift) -> str:
    """One setting: before, after, who and when as far as the cluster tells."""
    who = f" by {plain(drift.who)}" if drift.who else ""
    at = f" {local_time(drift.at, DAY)}" if drift.at else ""
    return f"{plain(drift.resource)} {as_code(drift.field)} {as_code(drift.before)} → {as_code(drift.after)}{who}{at}"


def prefix_line(line: DriftedGateway) -> str:
    """A gateway whose range has changed."""
    drift = line.drift[-1]
    who = f" (written by {plain(drift.who)})" if drift.who else ""
    return f"• {gateway_on(line.cluster, line.gateway)}: {as_code(drift.before)} → {as_code(drift.after)}{who}"


def unchecked_line(line: Unchecked) -> str:
    """What could not be looked at, and why."""
    last = f" · last seen {local_time(line.last, DAY)}" if line.last else ""
    if not line.gateways:
        return f"• {as_code(line.cluster)}: {plain(line.why)}{last}"
    names = ", ".join(as_code(each) for each in line.gateways[:4])
    more = f" and {len(line.gateways) - 4} more" if len(line.gateways) > 4 else ""
    return f"• {names}{more} on {as_code(line.cluster)}: {plain(line.why)}"


def limit_line(line: Limit) -> str:
    """A limit that is near."""
    fault = line.fault
    whose = plural(len(line.gateways), "gateway")
    return f"• {as_code(line.cluster)} {plain(fault.code)} {plain(fault.summary)} ({whose})"


def mute_line(mute: Mute) -> str:
    """A mute with its reason and its end."""
    return (
        f"• {gateway_on(mute.cluster, mute.gateway)} {as_code(mute.check)} until {local_time(mute.until, DAY)}: "
        f"{plain(mute.reason)} (<@{mute.user}>)"
    )


def late(due_to_made: timedelta) -> str:
    """By how much a digest is late."""
    return long_duration(due_to_made.total_seconds())
