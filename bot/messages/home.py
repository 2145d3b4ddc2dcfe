"""The App Home: what runs, is open, watched and permitted, and the status of the bot."""

from collections.abc import Iterator, Mapping, Sequence
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
from bot.messages.interaction_values import IncidentValue
from bot.messages.phrases import (
    DATE_AND_TIME,
    STATUS_MARKS,
    VERDICT_MARKS,
    check_title,
    local_time,
    requester_of,
    short_duration,
    since_when,
    step_line,
)
from checks.config.configuration import AccessRule
from checks.doctor.requirement_lines import DoctorLine, State
from checks.model.findings import Status, Verdict
from checks.reports.wording import VERDICTS, plural
from workers.records.history import GatewayVerdict
from workers.records.run import Run
from workers.records.watch import Watch

TAKE_INCIDENT = "take_incident"
RELEASE_INCIDENT = "release_incident"

MAX_ROWS = 30
"""Rows of a part; the rest is counted."""


@dataclass(frozen=True, slots=True)
class BotHealth:
    """Live processes, the longest wait of a request in seconds, and pending deliveries."""

    workers: int
    beats: int
    couriers: int
    oldest_waiting: float | None
    pending: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The content of one person's App Home. `rules` are the access rules that apply to them."""

    now: datetime
    running: Sequence[Run] = ()
    verdicts: Sequence[GatewayVerdict] = ()
    owners: Mapping[tuple[str, str], str] = field(default_factory=dict)
    watches: Sequence[Watch] = ()
    rules: Sequence[AccessRule] = ()
    health: BotHealth | None = None
    checkup: Sequence[DoctorLine] = ()
    """The results of `egress-diag doctor` for Slack and Redis."""
    problem: str = ""
    """Why runs, gateways and watches are unknown; empty if they are known."""
    user: str = ""
    """The person."""


def home_view(content: Overview) -> dict[str, Any]:
    """The App Home as a view."""
    blocks: list[Block] = []
    if content.problem:
        blocks.append(section(raw(f"❔ {plain(content.problem)}")))
    else:
        blocks += _parts(content)
    blocks += _part("My permissions", [_rule(each) for each in content.rules], "No access rule applies to you.")
    if content.health is not None:
        blocks += _part("Status of the bot", _health(content.health, content), "")
    if content.checkup:
        blocks += _part("Doctor", _checkup(content.checkup), "")
    return {"type": "home", "blocks": list(fitting(blocks, [actions([button("Refresh", "home", "home")])]))}


def _parts(content: Overview) -> Iterator[Block]:
    problems = [v for v in content.verdicts if v.verdict in (Verdict.BROKEN, Verdict.STARTING, Verdict.INCONCLUSIVE)]
    yield from _part("Running now", [_running(run) for run in content.running], "No run is active.")
    yield from _open_problems(problems, content)
    warned = [_warned(v) for v in content.verdicts if v.verdict is Verdict.DEGRADED]
    if warned:
        yield from _part("Warnings", warned, "")
    yield from _part("My watches", [_watch(watch) for watch in content.watches], "You have no active watch.")
    gateways = [_gateway(v, content.now) for v in content.verdicts]
    yield from _part("Gateways", gateways, "No gateway has been checked yet.")


def _part(title: str, rows: Sequence[Escaped], empty: str) -> list[Block]:
    blocks: list[Block] = [section(raw(f"*{title}*"))]
    if not rows:
        return [*blocks, context(raw(empty)), divider()]
    blocks += [section(raw("\n".join(rows[start : start + 10]))) for start in range(0, min(len(rows), MAX_ROWS), 10)]
    if len(rows) > MAX_ROWS:
        blocks.append(context(raw(f"and {len(rows) - MAX_ROWS} more")))
    return [*blocks, divider()]


def _open_problems(problems: Sequence[GatewayVerdict], content: Overview) -> Iterator[Block]:
    """The open problems, each with a button that takes or releases it."""
    title, *rest = _part("Open problems", [], "No open problems.")
    if not problems:
        yield from (title, *rest)
        return
    yield title
    for number, found in enumerate(problems[:MAX_ROWS]):
        name = f"{found.namespace}/{found.gateway}"
        value = IncidentValue(cluster=found.cluster, gateway=name).encode()
        mine = content.user and content.owners.get((found.cluster, name)) == content.user
        label, action = ("Release", RELEASE_INCIDENT) if mine else ("Take it", TAKE_INCIDENT)
        press = button(label, f"{action}/{number}", value)
        yield {**section(_problem(found, content)), "accessory": press}
    if len(problems) > MAX_ROWS:
        yield context(raw(f"and {len(problems) - MAX_ROWS} more"))
    yield divider()


def _running(run: Run) -> Escaped:
    done = len({f.check for f in run.findings})
    progress = f"{done} of {run.total} checks" if run.total else "waiting for a worker"
    gateway = f"{as_code(name_of(run))} on {as_code(run.order.target.cluster)}"
    return raw(f"⏳ {gateway} · {requester_of(run.order.user)} · {progress} · <#{run.order.channel}>")


def _problem(found: GatewayVerdict, content: Overview) -> Escaped:
    name = f"{found.namespace}/{found.gateway}"
    owner = content.owners.get((found.cluster, name))
    who = f"🙋 owner <@{owner}>" if owner else "no owner"
    shown = found.root_causes or found.pending
    causes = f": {'; '.join(map(check_title, shown))}" if shown else f": {plain(found.reason)}" if found.reason else ""
    step = f"\n   {step_line(found.step)}" if found.step else ""
    begun = f" · {since_when(found.beginning)}" if found.beginning is not None else ""
    at = f"checked {local_time(found.at, DATE_AND_TIME)}"
    gateway = f"{as_code(name)} on {as_code(found.cluster)}"
    return raw(f"{VERDICT_MARKS[found.verdict]} {gateway}{causes}{begun} · {at} · {who}{step}")


def _warned(found: GatewayVerdict) -> Escaped:
    name = f"{found.namespace}/{found.gateway}"
    shown = "; ".join(map(check_title, found.warnings[:3]))
    return raw(
        f"{VERDICT_MARKS[found.verdict]} {as_code(name)} on {as_code(found.cluster)}" + (f": {shown}" if shown else "")
    )


def _watch(watch: Watch) -> Escaped:
    target = watch.target
    name = f"{target.namespace}/{target.gateway}" if target.namespace else target.gateway
    gateway = f"{as_code(name)} on {as_code(target.cluster)}"
    last = VERDICTS[watch.last.verdict].lower() if watch.last is not None and watch.last.verdict else "not checked yet"
    return raw(f"👀 {gateway} until {local_time(watch.until)} · {last} · <#{watch.channel}>")


def _gateway(found: GatewayVerdict, now: datetime) -> Escaped:
    name = f"{found.namespace}/{found.gateway}"
    verdict = f"{VERDICTS[found.verdict].lower()}, {_age(found.at, now)}"
    return raw(f"{VERDICT_MARKS[found.verdict]} {as_code(name)} on {as_code(found.cluster)} {verdict}")


def _age(at: datetime, now: datetime) -> str:
    return f"{short_duration(max(0.0, (now - at).total_seconds()))} ago"


def _rule(rule: AccessRule) -> Escaped:
    clusters = ", ".join(as_code(each) for each in rule.clusters[:20])
    gateways = "" if "*" in rule.gateways else f", gateways {', '.join(as_code(each) for each in rule.gateways[:20])}"
    channels = [f"<#{each}>" if each.isalnum() else str(as_code(each)) for each in rule.channels[:20]]
    where = "in any channel" if "*" in rule.channels else f"in {', '.join(channels)}"
    return raw(f"{', '.join(rule.allow)}: clusters {clusters}{gateways}, {where}")


def _health(health: BotHealth, content: Overview) -> list[Escaped]:
    def count(number: int, noun: str) -> str:
        return f"{'✅' if number else '❌'} {plural(number, noun) if number else f'no {noun}'}"

    processes = (count(health.workers, "worker"), count(health.beats, "beat"), count(health.couriers, "courier"))
    wait = health.oldest_waiting
    queue = "No request is waiting" if wait is None else f"The oldest request has waited for {short_duration(wait)}"
    rows = [
        raw(" · ".join(processes)),
        raw(f"{queue} · {health.pending} {'delivery' if health.pending == 1 else 'deliveries'} to Slack pending"),
    ]
    checked: dict[str, datetime] = {}
    for found in content.verdicts:
        checked[found.cluster] = max(found.at, checked.get(found.cluster, found.at))
    rows += [raw(f"{as_code(cluster)} last checked {_age(at, content.now)}") for cluster, at in sorted(checked.items())]
    return rows


def _checkup(lines: Sequence[DoctorLine]) -> list[Escaped]:
    """The number of met requirements, each other one with its fix, and the check of clusters."""
    marks = {
        State.WARNED: f"{STATUS_MARKS[Status.WARN]} At risk",
        State.FAILED: f"{STATUS_MARKS[Status.FAIL]} Not met",
        State.NOT_CHECKED: f"{STATUS_MARKS[Status.UNKNOWN]} Not checked",
    }
    met = sum(line.state is State.PASSED for line in lines)
    rows = [raw(f"{STATUS_MARKS[Status.PASS]} Slack and Redis: {plural(met, 'requirement')} met")]
    for line in (each for each in lines if each.state is not State.PASSED):
        subject = f" {as_code(line.subject)}" if line.subject else ""
        fix = f" {prose(line.fix)}" if line.fix else ""
        title = plain(line.requirement.title)
        rows.append(raw(f"{marks[line.state]}: {title}{subject} ({prose(line.observed)}).{fix}"))
    rows.append(raw(f"Cluster access: run {as_code('egress-diag doctor --only clusters')} in a worker pod."))
    return rows
