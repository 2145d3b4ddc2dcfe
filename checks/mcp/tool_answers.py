"""The answers of the tools: a text to read, and the same facts as a document."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checks.catalogue import catalogue
from checks.docs.catalogue_page import check_page
from checks.engine.check import Check
from checks.engine.if_applied import IfApplied
from checks.engine.selection import chosen_checks
from checks.model.findings import Report, Status
from checks.model.inert_text import inert
from checks.reports.change_document import change_document
from checks.reports.change_text import change_lines
from checks.reports.document import REPORT, redacted, stamp
from checks.reports.gateway_list import gateway_documents, gateway_lines, unseen_lines
from checks.reports.route_text import route_lines
from checks.reports.text import closing_lines, quiet_lines
from checks.sources.listing import GatewayListing
from checks.sources.recorded import Recording

_SETTLED = (Status.PASS.value, Status.SKIPPED.value)


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """The answer of a tool: `text` for the model, `document` for programs."""

    text: str
    document: Mapping[str, Any]


def _answer(lines: Sequence[str], document: Mapping[str, Any]) -> ToolAnswer:
    return ToolAnswer(inert("\n".join(lines)).strip("\n"), document)


def listing_answer(cluster: str, found: GatewayListing) -> ToolAnswer:
    """The gateways of a cluster, and whether the list is complete."""
    document = {
        "cluster": cluster,
        "complete": found.complete,
        "problem": found.problem or None,
        "gateways": gateway_documents(found.gateways, found.ready),
    }
    if found.problem:
        return _answer([f"The gateways of {cluster} were not checked: {found.problem}"], document)
    lines = [*gateway_lines(found.gateways, found.ready), *unseen_lines(found.unseen, found.unread_profile)]
    return _answer(lines, document)


def report_answer(report: Report, every_finding: bool) -> ToolAnswer:
    """A diagnosis (docs/contract.md#json).

    Without `every_finding`, findings that passed or do not apply are only counted.
    """
    document = REPORT.dump_python(report, mode="json")
    return _answer(list(closing_lines(report)), document if every_finding else _without_settled(document))


def _without_settled(document: Mapping[str, Any]) -> dict[str, Any]:
    left_out = Counter(each["status"] for each in document["findings"] if each["status"] in _SETTLED)
    shown = [each for each in document["findings"] if each["status"] not in _SETTLED]
    return {**document, "findings": shown, "findings_left_out": dict(left_out)}


def route_answer(report: Report) -> ToolAnswer:
    """The route of requests for a host, with the verdict and the findings that are not passed."""
    document = _without_settled(REPORT.dump_python(report, mode="json"))
    lines = list(quiet_lines(report))
    if report.route is not None:
        lines += ["", *route_lines(report.route)]
    return _answer(lines, document)


def change_answer(found: IfApplied) -> ToolAnswer:
    """The effect of a proposed change (docs/contract.md#json-if-applied)."""
    return _answer(list(change_lines(found)), _without_settled(change_document(found)))


def check_answer(asked: str) -> ToolAnswer:
    """The description of a check: its reads, outcomes and causes.

    Raises BadQuestion.
    """
    known = catalogue()
    check = chosen_checks(asked, known)[0]
    return _answer([check_page(check, known)], _check_document(check))


def _check_document(check: Check) -> dict[str, Any]:
    return {"check": check.slug, "code": check.code, "title": check.title, "stage": check.stage.value}


def bundle_answer(recording: Recording, found: GatewayListing) -> ToolAnswer:
    """The content of a bundle: its cluster, moment, gateways, objects by kind, failed reads."""
    kinds = {kind: len(objects) for (_, kind), objects in sorted(recording.by_kind.items())}
    failed = redacted([dict(each) for each in recording.errors])
    document = {
        "cluster": recording.cluster,
        "captured_at": stamp(recording.captured_at),
        "server_version": recording.server_version or None,
        "gateways": gateway_documents(found.gateways, found.ready),
        "complete": found.complete,
        "problem": found.problem or None,
        "objects": kinds,
        "azure": {
            "managed_cluster": recording.managed_cluster is not None,
            "agent_pools": recording.agent_pools is not None,
            "resources": recording.resources is not None,
        },
        "logs": sorted(recording.logs),
        "failed_reads": failed,
    }
    lines = [f"Cluster {recording.cluster}, recorded at {document['captured_at']}", ""]
    lines += (
        [f"The gateways were not checked: {found.problem}"]
        if found.problem
        else gateway_lines(found.gateways, found.ready)
    )
    lines += ["", "Objects: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items())]
    if failed:
        lines.append(f"{len(failed)} reads failed when it was recorded; the checks that need them are not made.")
    return _answer(lines, document)
