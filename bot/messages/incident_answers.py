"""Answers about the incident in a thread: its impact, its beginning, what was not checked.

They are public, as those of `thread_answers` (docs/slack.md#words-in-a-thread).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.messages.blocks import Block, Escaped, Message, as_code, code_block, context, plain, raw, section
from bot.messages.findings import code_and_title, finding_details
from bot.messages.gateway_lines import gateway_on, listed
from bot.messages.headlines import coverage_of, name_of, not_checked_lines
from bot.messages.outcomes import gateway_mark, outcome_mark
from bot.messages.phrases import (
    DATE_AND_TIME,
    STATUS_MARKS,
    VERDICT_MARKS,
    check_title,
    local_time,
    since_when,
)
from bot.messages.since_healthy import since_healthy_blocks
from bot.messages.thread_answers import thread_answer
from checks.catalogue import catalogue
from checks.engine.settings_snapshot import PREFIX_FIELD
from checks.model.findings import Finding, Report, Status, Verdict
from checks.model.traffic import TRAFFIC_FAILING
from checks.reports.host_words import gateway_sentence, host_outcome, is_about_host, is_through
from checks.reports.impact import CHECK_OF_THE_PREFIX, CHECK_OF_THE_PROBED_ADDRESS, CHECKS_OF_ALL_TRAFFIC, impact_of
from checks.reports.traffic_picture import traffic_picture
from checks.reports.traffic_words import failing_location, traffic_line, traffic_notes
from checks.reports.wording import STATUSES, VERDICTS, acting_causes, after_colon, plural, roots_of, why_inconclusive
from workers.records.gateway_state import GatewayState
from workers.records.history import GatewayVerdict
from workers.records.run import Run

_BEYOND = "Not checked from here: the destination itself, its firewall and its list of permitted addresses."


def what_is_affected(run: Run, report: Report, others: Sequence[GatewayVerdict]) -> Message:
    """The impact, the affected hosts, and the other gateways that do not serve.

    `others` are the last verdicts of the other gateways that the user may check.
    """
    impact = _impact(report)
    if is_about_host(report):
        on = as_code(report.cluster)
        lines = [
            raw(f"{outcome_mark(report)} *{plain(impact)}*"),
            raw(f"{plain(gateway_sentence(report))} Cluster: {on}"),
        ]
    else:
        lines = [raw(f"{VERDICT_MARKS[report.verdict]} *{plain(impact)}:* {_where(run, report)}")]
    lines += _who(report)
    if counted := traffic_line(report):
        lines.append(raw(f"📈 {plain(counted)}"))
    return thread_answer(f"{impact}: {name_of(run)}", [section(raw("\n".join(lines))), *affected_gateways(others)])


def _impact(report: Report) -> str:
    if is_about_host(report) and report.verdict is not Verdict.BROKEN:
        return host_outcome(report)
    return impact_of(report) or "Nothing is affected"


def affected_gateways(others: Sequence[GatewayVerdict]) -> list[Block]:
    """The other gateways that do not serve."""
    bad = [each for each in others if each.verdict in (Verdict.BROKEN, Verdict.STARTING, Verdict.INCONCLUSIVE)]
    blocks: list[Block] = []
    blocks += listed(f"*Other gateways that do not serve, or were not checked* ({len(bad)})", bad, _other, 8)
    if others and not bad:
        words = "passed its last check" if len(others) == 1 else "passed their last checks"
        blocks.append(context(raw(f"{plural(len(others), 'other gateway')} that you may check here {words}.")))
    elif not others:
        blocks.append(context(raw("No other gateway that you may check here has been checked.")))
    return blocks


def _who(report: Report) -> Iterator[Escaped]:
    failing = {each.check for each in report.of(Status.FAIL) if not each.doubt}
    hosts = sorted({each.name for root in roots_of(report) for each in root.about if each.kind == "host"})
    if failing & CHECKS_OF_ALL_TRAFFIC:
        yield raw("Affected: every host that is routed through the gateway, from every client.")
    elif hosts:
        more = f" and {len(hosts) - 10} more" if len(hosts) > 10 else ""
        yield raw(f"Affected: requests to {', '.join(map(as_code, hosts[:10]))}{more}.")
    elif report.verdict is Verdict.BROKEN:
        yield raw("Not checked: which clients and hosts are affected. The causes name a part of the gateway.")
    elif report.verdict is Verdict.DEGRADED and not is_about_host(report):
        yield raw("No check fails. What may fail, and why:")
        yield from (raw(f"• {code_and_title(each)}: {plain(each.summary)}") for each in acting_causes(report)[:5])
    elif report.verdict is Verdict.INCONCLUSIVE:
        yield raw(f"Not checked: {plain(after_colon(why_inconclusive(report)))}.")
    if report.client:
        yield raw(f"Checked from {as_code(report.client)} only.")


def _other(found: GatewayVerdict) -> str:
    causes = "; ".join(map(check_title, (found.root_causes or found.pending)[:2])) or plain(found.reason)
    name = gateway_on(found.cluster, f"{found.namespace}/{found.gateway}")
    at = local_time(found.at, DATE_AND_TIME)
    return f"• {VERDICT_MARKS[found.verdict]} {name}{f': {causes}' if causes else ''} · checked {at}"


def since_when_broken(run: Run, report: Report, state: GatewayState | None) -> Message:
    """Since when each cause exists, and when the gateway last worked."""
    lines = []
    for each in acting_causes(report)[:8]:
        begun = run.beginning(each)
        lines.append(raw(f"• {code_and_title(each)} · {since_when(begun) if begun else raw('time not checked')}"))
    mark, word = VERDICT_MARKS[report.verdict], VERDICTS[report.verdict].lower()
    head = raw(f"{mark} {_where(run, report)} is {word}.")
    if is_about_host(report) and not is_through(report):
        head = raw(f"{outcome_mark(report)} {plain(host_outcome(report))}.")
    elif state is not None and state.inconclusive_since is not None:
        head = raw(f"{mark} {_where(run, report)}: checks are inconclusive since {_time(state.inconclusive_since)}.")
    since = state.since if state is not None and not state.broken and state.verdict is not Verdict.STARTING else None
    serves = report.verdict in (Verdict.HEALTHY, Verdict.DEGRADED)
    if serves and since is not None and (is_through(report) or not is_about_host(report)):
        head = raw(f"{mark} {_where(run, report)} has served at every check since {_time(since)}.")
    return thread_answer(
        f"Since when: {name_of(run)}", [section(raw("\n".join([head, *lines]))), *since_healthy_blocks(state)]
    )


def _time(moment: datetime) -> Escaped:
    return local_time(moment, DATE_AND_TIME)


def which_gateway(run: Run, report: Report) -> Message:
    """The gateway, cluster, host and client of the last check."""
    lines = [_where(run, report)]
    lines.append(raw(f"Host: {as_code(report.host)} · {plain(host_outcome(report))}") if report.host else _no_host(run))
    if report.client:
        lines.append(raw(f"Client: {as_code(report.client)}"))
    if prefix := _prefix(report):
        lines.append(raw(f"Egress IP prefix: {as_code(prefix)}"))
    return thread_answer(f"{name_of(run)} on {report.cluster}", [section(raw("\n".join(lines)))])


def egress_address(run: Run, report: Report) -> Message:
    """The egress IP prefix, which destinations put on their lists of permitted addresses."""
    name = as_code(name_of(run))
    if prefix := _prefix(report):
        words = raw(f"Egress IP prefix of {name}: {as_code(prefix)}. Destinations permit this prefix.")
        wrong = [each for each in roots_of(report) if each.check == CHECK_OF_THE_PROBED_ADDRESS]
        lines = [words, *(raw(f"❌ {code_and_title(each)}: {plain(each.summary)}") for each in wrong)]
    else:
        cause = next((f for f in report.findings if f.check == CHECK_OF_THE_PREFIX), None)
        known = cause is not None and cause.status in (Status.FAIL, Status.WARN)
        said = f"{name} has no egress IP prefix." if known else f"The egress IP prefix of {name} was not checked."
        lines = [raw(f"{'❌' if known else '❔'} {said}"), *([_result(cause)] if cause is not None else [])]
    return thread_answer(f"Egress IP prefix: {name_of(run)}", [section(raw("\n".join(lines)))])


def traffic(run: Run, report: Report) -> Message:
    """The traffic that the proxies count, and the place where it fails."""
    counted = traffic_line(report)
    by_logs = next((f for f in report.findings if f.check == TRAFFIC_FAILING), None)
    if not counted and by_logs is not None:
        return thread_answer(f"Traffic: {name_of(run)}", [section(_result(by_logs))])
    if not counted:
        words = (
            "Not checked: no counters of the proxies are read for this cluster (its configuration has no `metrics`)."
        )
        return thread_answer(f"Traffic not checked: {name_of(run)}", [section(raw(f"❔ {words}"))])
    lines = [raw(f"📈 {plain(counted)}"), *(raw(f"• {plain(each)}") for each in traffic_notes(report))]
    if location := failing_location(report):
        lines.append(raw(f"❌ {plain(location)}."))
    picture = traffic_picture(report)
    drawn = [section(code_block("\n".join(picture)))] if picture else []
    return thread_answer(f"{counted}: {name_of(run)}", [section(raw("\n".join(lines))), *drawn])


def what_was_not_checked(run: Run, report: Report) -> Message:
    """The number of checks, the reasons why some were not made, and what no check covers."""
    lines = [raw(f"{gateway_mark(report)} {_where(run, report)}: {coverage_of(report)}.")]
    lines += not_checked_lines(report, with_step=True)
    lines += [raw(f"🤔 {plain(f'{each.code}: {each.doubt}')}") for each in acting_causes(report)[:3] if each.doubt]
    lines += [raw(_BEYOND)] if report.host else [_no_host(run), raw(_BEYOND)]
    return thread_answer(f"{coverage_of(report)}: {name_of(run)}", [section(raw("\n".join(lines)))])


def about_check(run: Run, report: Report, code: str) -> Message | None:
    """The findings of the check with this code; None if there is no such check."""
    found = [each for each in report.findings if each.code == code]
    declared = next((each for each in catalogue() if each.code == code), None)
    if declared is None:
        return None
    bad = [each.check for each in found if each.status in (Status.FAIL, Status.WARN)]
    details = finding_details(run, [f"{slug}#{n}" if n else slug for slug in dict.fromkeys(bad) for n in (0, 2, 3)])
    if details is not None:
        return thread_answer(details.text, details.blocks)
    if not found:
        line = raw(f"{plain(f'{code} {declared.title}')}: this check is not part of the last run.")
    else:
        line = _result(found[0])
    return thread_answer(f"{code}: {name_of(run)}", [section(line)])


def _result(finding: Finding) -> Escaped:
    words = "passed" if finding.status is Status.PASS else STATUSES[finding.status]
    summary = finding.summary.removeprefix("Not checked: ")
    return raw(f"{STATUS_MARKS[finding.status]} {finding.code} {words}: {plain(summary)}")


def _where(run: Run, report: Report) -> Escaped:
    return gateway_on(report.cluster, name_of(run))


def _prefix(report: Report) -> str:
    return next((each.observed for each in report.settings if each.field == PREFIX_FIELD), "")


def _no_host(run: Run) -> Escaped:
    target = run.order.target
    return raw(f"No host was checked. Add one: {as_code(f'{target.cluster} {name_of(run)} --host HOST')}")
