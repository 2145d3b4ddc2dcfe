"""Words about a proposed change that its text and Markdown reports share."""

from collections import Counter
from collections.abc import Iterator, Sequence

from checks.engine.if_applied import FindingEffect, IfApplied
from checks.facts.laying import Laying
from checks.model.findings import Status, Verdict
from checks.model.route import Outcome
from checks.model.route_changes import RouteChange, RouteState
from checks.reports.headline import headline
from checks.reports.host_words import host_outcome, is_about_host
from checks.reports.wording import VERDICTS, plural

EFFECT_TITLES = {
    FindingEffect.APPEARS: "Findings that would appear",
    FindingEffect.CHANGES: "Findings that would change",
    FindingEffect.NOT_CHECKED: "Checks that would not be made",
    FindingEffect.DOES_NOT_APPLY: "Checks that would no longer apply",
    FindingEffect.GOES: "Findings that would go",
}
"""The sections of a report, in their order."""

_OUTCOMES = {
    Outcome.THROUGH: "goes through the gateway",
    Outcome.BYPASSES: "bypasses the gateway",
    Outcome.ELSEWHERE: "is routed to another gateway",
    Outcome.FAILS: "fails",
    Outcome.MIXED: "goes through the gateway only in part",
    Outcome.UNKNOWN: "not checked",
}


def conclusion(found: IfApplied) -> str:
    """The answer to "would this change break egress?" in one sentence."""
    parts = []
    if found.lost:
        parts.append(f"{plural(len(found.lost), 'route')} through the gateway would be lost")
    if found.refused:
        parts.append(f"{plural(len(found.refused), 'object')} would be refused")
    appear = [each for each in found.findings if each.then is not None and each.then.status is Status.FAIL]
    if appear:
        parts.append(f"{plural(len(appear), 'failure')} would be new or different")
    if parts:
        return f"This change breaks egress: {', '.join(parts)}."
    if found.verdict is Verdict.BROKEN:
        subject = host_outcome(found.then) if is_about_host(found.then) else "Egress is broken"
        return f"{subject} with and without this change."
    if found.uncertain:
        return "Not checked whether this change breaks egress: see the parts that are not checked."
    if found.verdict is Verdict.INCONCLUSIVE:
        return "Not checked whether this change breaks egress: checks that decide were not made."
    moved = sum(each.moved for each in found.routes)
    if moved:
        return f"This change breaks nothing, but the source IP address of {plural(moved, 'route')} would change."
    if found.changes_anything:
        return "This change breaks nothing; the differences are below."
    return "This change breaks nothing: no finding, route or verdict differs."


def headline_if_applied(found: IfApplied) -> str:
    """The verdict if applied in one sentence."""
    if found.verdict is found.then.verdict:
        return headline(found.then)
    return f"{VERDICTS[found.verdict]}: a part that decides about traffic was not checked."


def objects_line(found: IfApplied) -> str:
    """The number of objects by result, for example "2 changed, 1 refused, 3 not judged"."""
    counts = Counter(each.result for each in found.objects)
    parts = [f"{counts[each]} {each}" for each in Laying if counts[each]]
    if found.not_judged:
        parts.append(f"{len(found.not_judged)} not judged")
    return ", ".join(parts) or "none"


def not_judged_lines(found: IfApplied) -> Iterator[str]:
    """One line for each kind and reason of manifests that are not judged."""
    groups: dict[tuple[str, str], list[str]] = {}
    for each in found.not_judged:
        groups.setdefault((each.kind, each.reason), []).append(each.ref)
    for (kind, reason), refs in groups.items():
        named = refs[0] if len(refs) == 1 else plural(len(refs), kind)
        yield f"{named}: {reason}"


def asked_route_lines(found: IfApplied) -> Iterator[tuple[str, str]]:
    """The route of the question's host in both states, each with its label."""
    if found.now.route is not None and found.then.route is not None:
        yield "Route now", found.now.route.summary
        yield "If applied", found.then.route.summary


def request_line(change: RouteChange) -> str:
    """The request and its clients."""
    path = change.path if change.path != "/" else ""
    return f"{change.scheme}://{change.host}{path}, port {change.port}, from {_listed(change.clients)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def state_line(state: RouteState) -> str:
    """The outcome of a request.

    With its answer, source IP address and the object that decided.
    """
    words = _OUTCOMES[state.outcome]
    if state.outcome is Outcome.FAILS and state.answer:
        words += f": the application gets {state.answer}"
    elif state.outcome is Outcome.UNKNOWN:
        reason = state.reason.removeprefix("not checked: ")
        words += f": {reason}" if reason else ""
    elif state.outcome in (Outcome.THROUGH, Outcome.BYPASSES):
        words += f" to {state.destination}" if state.destination else ""
        words += f", source IP address {state.source_address}" if state.source_address else ""
    if state.reason and state.outcome is not Outcome.UNKNOWN and state.reason != state.answer:
        words += f" ({state.reason})"
    return words + (f"; decided by {state.decided_by}" if state.decided_by else "")
