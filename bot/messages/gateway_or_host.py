"""Answers that judge gateway and requested host apart (docs/rulings.md#ruling-24)."""

from collections.abc import Iterator, Sequence

from bot.messages.blocks import Escaped, Message, as_code, code_block, plain, raw, section
from bot.messages.findings import code_and_title
from bot.messages.headlines import name_of
from bot.messages.outcomes import gateway_mark, outcome_mark, outcome_of
from bot.messages.phrases import VERDICT_MARKS
from bot.messages.thread_answers import thread_answer
from checks.model.findings import Finding, Report, Verdict
from checks.reports.host_words import (
    causes_of_gateway,
    causes_of_host,
    gateway_sentence,
    host_outcome,
    is_about_host,
    is_through,
    warnings_of_gateway,
)
from checks.reports.traffic_picture import traffic_picture
from checks.reports.traffic_words import failing_location, flows, traffic_notes
from checks.reports.wording import VERDICTS, acting_causes, after_colon, warnings_of, why_inconclusive
from workers.records.run import Run


def gateway_or_host(run: Run, report: Report) -> Message:
    """Whether the gateway or the requested host is at fault."""
    gateway, host = causes_of_gateway(report), causes_of_host(report)
    if location := failing_location(report):
        words, _, rest = location.partition(":")
        lines = [raw(f"❌ *{plain(words)}:*{plain(rest)}."), raw("No check of the objects fails.")]
    else:
        words, lines = _at_fault(run, report)
    if (gateway or host) and (doubts := [each.doubt for each in (*gateway, *host) if each.doubt]):
        lines.append(raw(plain(doubts[0])))
    elif succeeds := flows(report):
        lines.append(raw(f"Traffic succeeds: {plain(succeeds)}."))
    lines += [*_other_traffic(report), *_without_host(run, report)]
    return thread_answer(f"{words}: {name_of(run)}", [section(raw("\n".join(lines)))])


def is_gateway_healthy(run: Run, report: Report) -> Message:
    """The gateway's own verdict, then the host's outcome."""
    name, mark = as_code(name_of(run)), gateway_mark(report)
    if is_about_host(report):
        words = f"The gateway {'is degraded' if warnings_of_gateway(report) else 'has no failure'}"
        lines = [raw(f"{mark} *{plain(gateway_sentence(report).rstrip('.'))}*"), raw(f"Host: {outcome_of(report)}.")]
    else:
        words = f"The gateway is {VERDICTS[report.verdict].lower()}"
        lines = [raw(f"{mark} *{words}:* {name}"), *_titles(acting_causes(report))]
        if report.verdict is Verdict.INCONCLUSIVE:
            lines.append(raw(f"{plain(why_inconclusive(report))}."))
    lines += [*_other_traffic(report), *_without_host(run, report)]
    return thread_answer(f"{words}: {name_of(run)}", [section(raw("\n".join(lines)))])


def _at_fault(run: Run, report: Report) -> tuple[str, list[Escaped]]:
    """The side at fault by the checks of objects, in plain words and as lines."""
    gateway, name = causes_of_gateway(report), as_code(name_of(run))
    if gateway:
        host = [raw(f"Host: {plain(host_outcome(report))}.")] if report.host else []
        return "It is the gateway", [raw(f"❌ *It is the gateway* {name}"), *_titles(gateway), *host]
    if report.verdict is Verdict.STARTING:
        return "The gateway is starting", [raw(f"⏳ *The gateway is starting:* {name} does not serve yet.")]
    if report.verdict is Verdict.INCONCLUSIVE:
        return "Not checked", [raw(f"❔ *Not checked:* {plain(after_colon(why_inconclusive(report)))}.")]
    if not report.host:
        if report.verdict is Verdict.DEGRADED:
            words = "The gateway has no failure, but warnings"
            return words, [raw(f"⚠️ *{words}:* {name}"), *_titles(acting_causes(report))]
        return "The gateway has no failure", [raw(f"✅ *Not the gateway:* {name} has no failure.")]
    outcome, own = plain(host_outcome(report)), raw(plain(gateway_sentence(report)))
    if outcome_mark(report) == VERDICT_MARKS[Verdict.INCONCLUSIVE]:
        return "The route of the host is not checked", [raw(f"❔ *Not checked:* {outcome}."), own]
    if not is_through(report):
        words = "It is the host, not the gateway"
        return words, [raw(f"{outcome_mark(report)} *{words}:* {outcome}."), *_titles(_about_host(report)), own]
    return "Neither: no failure was found", [
        raw(f"✅ *Neither:* {outcome}."),
        own,
        raw("Not checked: the destination itself, its firewall and its list of permitted addresses."),
    ]


def _about_host(report: Report) -> list[Finding]:
    """The causes and warnings that are about the requested host."""
    others = warnings_of_gateway(report)
    return [*causes_of_host(report), *(each for each in warnings_of(report) if each not in others)]


def _without_host(run: Run, report: Report) -> Iterator[Escaped]:
    if not report.host:
        target = run.order.target
        yield raw(f"No host was checked. Add one: {as_code(f'{target.cluster} {name_of(run)} --host HOST')}")


def _other_traffic(report: Report) -> Iterator[Escaped]:
    """Other counts, and the picture of the last hours."""
    for each in traffic_notes(report):
        yield raw(f"{plain(each)}.")
    if picture := traffic_picture(report):
        yield code_block("\n".join(picture))


def _titles(findings: Sequence[Finding]) -> list[Escaped]:
    return [raw(f"• {code_and_title(each)}") for each in findings[:5]]
