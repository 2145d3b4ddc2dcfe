"""The lines that digests and handoffs share: gateways, causes, owners, changes and mutes."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from bot.messages.blocks import SECTION_TEXT, Block, Escaped, as_code, plain, raw, section
from bot.messages.phrases import DATE_AND_TIME, check_title, local_time, step_line
from checks.reports.wording import plural
from workers.records.digest import DriftedGateway, GatewayLine, Limit, Unchecked
from workers.records.gateway_state import Drift
from workers.records.mute import Mute

_T = TypeVar("_T")

MAX_LINES = 12
"""Lines under one heading; the rest is counted."""


def listed(heading: str, items: Sequence[_T], line: Callable[[_T], str], most: int = MAX_LINES) -> Iterator[Block]:
    """A heading and one line for each item, in sections within Slack's limit.

    There is none without items.
    """
    if not items:
        return
    lines = [heading, *(line(each) for each in items[:most])]
    if len(items) > most:
        lines.append(f"… and {len(items) - most} more")
    kept: list[str] = []
    for each in lines:
        if kept and sum(map(len, kept)) + len(kept) + len(each) > SECTION_TEXT:
            yield section(raw("\n".join(kept)))
            kept = []
        kept.append(each)
    yield section(raw("\n".join(kept)))


def gateway_on(cluster: str, gateway: str) -> Escaped:
    """A gateway and its cluster."""
    return raw(f"{as_code(gateway)} on {as_code(cluster)}")


def cause_of(line: GatewayLine) -> Escaped:
    """The first root cause, and the number of the others."""
    return plain(cause_words(line))


def cause_words(line: GatewayLine) -> str:
    """The same without markup."""
    if not line.faults:
        return "cause not checked"
    first = line.faults[0]
    more = f" (and {plural(len(line.faults) - 1, 'more cause')})" if len(line.faults) > 1 else ""
    return f"{first.code} {first.summary}{more}"


def owner_of(line: GatewayLine) -> str:
    """The owner of the gateway's incident."""
    return f" · owner <@{line.owner}>" if line.owner else " · no owner"


def drift_line(line: DriftedGateway) -> str:
    """A gateway with its changed settings."""
    parts = [change_text(each) for each in line.drift[:3]]
    more = f" · and {len(line.drift) - 3} more" if len(line.drift) > 3 else ""
    return f"• {gateway_on(line.cluster, line.gateway)}: {'; '.join(parts)}{more}"


def change_text(drift: Drift) -> str:
    """A changed setting: its value before and after, and who changed it when, if recorded."""
    who = f" by {plain(drift.who)}" if drift.who else ""
    at = f" {local_time(drift.at, DATE_AND_TIME)}" if drift.at else ""
    values = f"{as_code(drift.before)} → {as_code(drift.after)}"
    return f"{plain(drift.resource)} {as_code(drift.field)} {values}{who}{at}"


def prefix_line(line: DriftedGateway) -> str:
    """A gateway whose egress IP prefix has changed."""
    drift = line.drift[-1]
    who = f" (changed by {plain(drift.who)})" if drift.who else ""
    return f"• {gateway_on(line.cluster, line.gateway)}: {as_code(drift.before)} → {as_code(drift.after)}{who}"


def unchecked_line(line: Unchecked) -> str:
    """A cluster, or gateways of one, that were not checked, with the reason and the next step."""
    return f"{_unchecked(line)}\n   {_next_of(line)}"


def reason_lines(line: Unchecked) -> tuple[Escaped, Escaped]:
    """Why it was not checked, and the next step."""
    return plain(line.why), _next_of(line)


def _next_of(line: Unchecked) -> Escaped:
    return step_line(line.step) if line.step else _without_step(line)


def _without_step(line: Unchecked) -> Escaped:
    """The next step for a reason that names none."""
    if line.gateways:
        return raw(f"👉 Check again: {as_code(f'/egress-diag {line.cluster} {line.gateways[0]}')}")
    return raw(f"👉 Check the access to the cluster: {as_code('egress-diag doctor --only clusters')} in a worker pod")


def _unchecked(line: Unchecked) -> str:
    last = f" · last checked {local_time(line.last, DATE_AND_TIME)}" if line.last else ""
    if not line.gateways:
        return f"• {as_code(line.cluster)}: {plain(line.why)}{last}"
    names = ", ".join(as_code(each) for each in line.gateways[:4])
    more = f" and {len(line.gateways) - 4} more" if len(line.gateways) > 4 else ""
    return f"• {names}{more} on {as_code(line.cluster)}: {plain(line.why)}"


def limit_line(line: Limit) -> str:
    """A limit that is almost reached."""
    fault = line.fault
    affected = plural(len(line.gateways), "gateway")
    return f"• {as_code(line.cluster)} {plain(fault.code)} {plain(fault.summary)} ({affected})"


def mute_line(mute: Mute) -> str:
    """A mute with its end, its reason and who added it."""
    return (
        f"• {gateway_on(mute.cluster, mute.gateway)} until {local_time(mute.until, DATE_AND_TIME)}: "
        f"{check_title(mute.check)} ({plain(mute.reason)}, <@{mute.user}>)"
    )
