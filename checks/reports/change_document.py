"""The effect of a proposed change as JSON.

It is the field `if_applied` of docs/contract.md#json-if-applied.
"""

from typing import Any

import orjson
from pydantic import TypeAdapter

from checks.engine.if_applied import FindingChange, IfApplied
from checks.facts.laying import LaidObject, NotKnown
from checks.facts.proposal import NotJudged
from checks.model.findings import Finding
from checks.model.redaction import redact
from checks.model.route_changes import RouteChange
from checks.reports.document import REPORT, redacted

_ROUTES = TypeAdapter(tuple[RouteChange, ...])
_OBJECTS = TypeAdapter(tuple[LaidObject, ...])
_NOT_JUDGED = TypeAdapter(tuple[NotJudged, ...])
_NOT_KNOWN = TypeAdapter(tuple[NotKnown, ...])
_FINDING: TypeAdapter[Finding] = TypeAdapter(Finding)


def change_document(found: IfApplied) -> dict[str, Any]:
    """The document of the report now, with the differences in `if_applied`."""
    then = REPORT.dump_python(found.then, mode="json")
    routes = [
        {**written, "lost": each.lost}
        for each, written in zip(found.routes, _ROUTES.dump_python(found.routes, mode="json"), strict=True)
    ]
    applied = {
        "verdict": found.verdict.value,
        "breaks": found.breaks,
        "root_causes": then["root_causes"],
        "route": then["route"],
        "objects": redacted(_OBJECTS.dump_python(found.objects, mode="json")),
        "not_judged": _NOT_JUDGED.dump_python(found.not_judged, mode="json"),
        "routes": redacted(routes),
        "routes_compared": found.compared,
        "findings": [_finding_change(each) for each in found.findings],
        "not_known": [
            {"statement": redact(each["statement"]), "decides": each["decides"]}
            for each in _NOT_KNOWN.dump_python(found.not_known, mode="json")
        ],
    }
    return {**REPORT.dump_python(found.now, mode="json"), "if_applied": applied}


def _finding_change(change: FindingChange) -> dict[str, Any]:
    def written(finding: Finding | None) -> Any:
        return None if finding is None else _FINDING.dump_python(finding, mode="json")

    shown = change.shown
    return {
        "effect": change.effect.value,
        "check": shown.check,
        "code": shown.code,
        "now": written(change.now),
        "if_applied": written(change.then),
    }


def change_as_json(found: IfApplied, *, indent: bool) -> str:
    """The document as JSON text."""
    return orjson.dumps(change_document(found), option=orjson.OPT_INDENT_2 if indent else 0).decode()
