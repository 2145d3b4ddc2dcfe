"""The App Home: what is going on, what is open and who is on it, my watches, every gateway, what I may do, how the bot is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.messages.blocks import (
    Block,
    Escaped,
    actions,
    as_code,
    button,
    context,
    divider,
    fitting,
    plain,
    prose,
    raw,
    section,
)
from bot.messages.headlines import name_of
from bot.messages.phrases import STATUS_MARKS, VERDICT_MARKS, local_time, short_duration
from checks.config.configuration import AccessRule
from checks.doctor.requirement_lines import Line, State
from checks.model.findings import Status, Verdict
from checks.reports.wording import VERDICTS, plural
from workers.runs.records import GatewayVerdict, Run, Watch

MAX_ROWS = 30
"""Rows of one part; more are counted."""


@dataclass(frozen=True, slots=True)
class BotHealth:
    """How the bot itself is: processes that gave a sign of life, how long the oldest order waits, what Slack does not show."""

    workers: int
    tickers: int
    couriers: int
    oldest_waiting: float | None
    not_shown: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What one person may see; `may` are the rules that let them do something."""

    now: datetime
    running: Sequence[Run] = ()
    verdicts: Sequence[GatewayVerdict] = ()
    owners: Mapping[tuple[str, str], str] = field(default_factory=dict)
    watches: Sequence[Watch] = ()
    may: Sequence[AccessRule] = ()
    health: BotHealth | None = None
    checkup: Sequence[Line] = ()
    """Doctor's lines of the bot's own half."""
    problem: str = ""


def home_view(seen: Overview) -> dict[str, Any]:
    """The view."""
    blocks: list[Block] = []
    if seen.problem:
        blocks.append(section(raw(f"❔ {plain(seen.problem)}")))
    blocks += _part("Running now", [_running(run) for run in seen.running], "Nothing is running.")
    broken = [v for v in seen.verdicts if v.verdict in (Verdict.BROKEN, Verdict.INCONCLUSIVE)]
    blocks += _part("Open problems", [_problem(v, seen) for v in broken], "No problem is known.")
    blocks += _part("My watches", [_watch(watch) for watch in seen.watches], "You are watching nothing.")
    blocks += _part("Gateways", [_gateway(v, seen.now) for v in seen.verdicts], "No gateway has been checked yet.")
    blocks += _part(
        "What I may do", [_rule(each) for each in seen.may], "Nothing yet: the configuration has no rule for you."
    )
    if seen.health is not None:
        blocks += _part("The bot itself", _health(seen.health, seen), "")
    if seen.checkup:
        blocks += _part("Doctor", _checkup(seen.checkup), "")
    return {"type": "home", "blocks": list(fitting(blocks, [actions([button("Look again", "home", "home")])]))}


def _part(title: str, rows: Sequence[Escaped], otherwise: str) -> list[Block]:
    blocks: list[Block] = [section(raw(f"*{title}*"))]
    if not rows:
        return [*blocks, context(raw(otherwise)), divider()]
    blocks += [section(raw("\n".join(rows[start : start + 10]))) for start in range(0, min(len(rows), MAX_ROWS), 10)]
    if len(rows) > MAX_ROWS:
        blocks.append(context(raw(f"and {len(rows) - MAX_ROWS} more")))
    return [*blocks, divider()]


def _running(run: Run) -> Escaped:
    done = len({f.check for f in run.findings})
    far = f"{done} of {run.total} checks" if run.total else "waiting for a worker"
    gateway = f"{as_code(name_of(run))} on {as_code(run.order.target.cluster)}"
    return raw(f"⏳ {gateway} · <@{run.order.user}> · {far} · <#{run.order.channel}>")


def _problem(found: GatewayVerdict, seen: Overview) -> Escaped:
    name = f"{found.namespace}/{found.gateway}"
    owner = seen.owners.get((found.cluster, name))
    who = f"🙋 <@{owner}>" if owner else "nobody is on it"
    causes = f": {plain(', '.join(found.root_causes))}" if found.root_causes else ""
    at = local_time(found.at, "{date_short_pretty} {time}")
    return raw(f"{VERDICT_MARKS[found.verdict]} {as_code(name)} on {as_code(found.cluster)}{causes} · {at} · {who}")


def _watch(watch: Watch) -> Escaped:
    target = watch.target
    name = f"{target.namespace}/{target.gateway}" if target.namespace else target.gateway
    last = (
        VERDICTS[watch.last.verdict].lower() if watch.last is not None and watch.last.verdict else "not looked at yet"
    )
    return raw(
        f"👀 {as_code(name)} on {as_code(target.cluster)} until {local_time(watch.until)} · {last} · <#{watch.channel}>"
    )


def _gateway(found: GatewayVerdict, now: datetime) -> Escaped:
    age = short_duration(max(0.0, (now - found.at).total_seconds()))
    name = f"{found.namespace}/{found.gateway}"
    verdict = f"{VERDICTS[found.verdict].lower()}, {age} ago"
    return raw(f"{VERDICT_MARKS[found.verdict]} {as_code(name)} on {as_code(found.cluster)} {verdict}")


def _rule(rule: AccessRule) -> Escaped:
    clusters = ", ".join(as_code(each) for each in rule.clusters[:20])
    gateways = "" if "*" in rule.gateways else f", gateways {', '.join(as_code(each) for each in rule.gateways[:20])}"
    channels = [f"<#{each}>" if each.isalnum() else str(as_code(each)) for each in rule.channels[:20]]
    where = "in any channel" if "*" in rule.channels else f"in {', '.join(channels)}"
    return raw(f"{', '.join(rule.allow)}: clusters {clusters}{gateways}, {where}")


def _health(health: BotHealth, seen: Overview) -> list[Escaped]:
    def count(number: int, noun: str) -> str:
        return f"{'✅' if number else '❌'} {plural(number, noun) if number else f'no {noun}'}"

    waiting = (
        "nothing waits"
        if health.oldest_waiting is None
        else f"the oldest order waits {short_duration(health.oldest_waiting)}"
    )
    rows = [
        raw(
            " · ".join(
                (count(health.workers, "worker"), count(health.tickers, "ticker"), count(health.couriers, "courier"))
            )
        ),
        raw(f"queue: {waiting} · {plural(health.not_shown, 'document')} not shown yet"),
    ]
    looked: dict[str, datetime] = {}
    for found in seen.verdicts:
        looked[found.cluster] = max(found.at, looked.get(found.cluster, found.at))
    rows += [
        raw(f"{as_code(cluster)} last looked at {short_duration(max(0.0, (seen.now - at).total_seconds()))} ago")
        for cluster, at in sorted(looked.items())
    ]
    return rows


def _checkup(lines: Sequence[Line]) -> list[Escaped]:
    """What is not well with its remedy, what is in one row, and where the rest is looked at."""
    marks = {
        State.RISK: STATUS_MARKS[Status.WARN],
        State.WRONG: STATUS_MARKS[Status.FAIL],
        State.UNTRIED: STATUS_MARKS[Status.UNKNOWN],
    }
    well = sum(line.state is State.WELL for line in lines)
    rows = [
        raw(
            f"{STATUS_MARKS[Status.PASS]} {plural(well, 'requirement')} of Slack and Redis {'is' if well == 1 else 'are'} met"
        )
    ]
    for line in (each for each in lines if each.state is not State.WELL):
        subject = f" {as_code(line.subject)}" if line.subject else ""
        remedy = f" {prose(line.remedy)}" if line.remedy else ""
        rows.append(
            raw(f"{marks[line.state]} {plain(line.requirement.title)}{subject}: {prose(line.observed)}.{remedy}")
        )
    rows.append(raw(f"Cluster access: {as_code('egress-diag doctor --only clusters')} where the workers run."))
    return rows
