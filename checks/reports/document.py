"""A report as JSON, written and parsed: the document of docs/contract.md#json.

Names and shapes come from the types of `checks.model`; here is what differs. Fields may be added to the document, never
renamed. Reading raises ValueError for a status, stage or severity that this version does not know.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializerFunctionWrapHandler, TypeAdapter, ValidationError, WrapSerializer

from checks.model.findings import Finding, Report
from checks.model.redaction import redact
from checks.model.route import Route, TracedRequest

SCHEMA = "egress-diag/v1"


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _route_document(route: Route, fields: SerializerFunctionWrapHandler) -> Any:
    written = fields(route)
    requests = [_request_document(each, of) for each, of in zip(route.requests, written.pop("requests"), strict=True)]
    return redacted({"outcome": str(route.outcome), **written, "whole": route.routed, "requests": requests})


def _request_document(request: TracedRequest, written: dict[str, Any]) -> dict[str, Any]:
    long = {name: written.pop(name) for name in ("hops", "corrections")}
    breaks_at = request.broken.name.value if request.broken is not None else ""
    return {**written, "breaks_at": breaks_at, "cause": request.cause, **long}


def redacted(value: Any) -> Any:
    """The value with its texts redacted.

    Texts of a route come from objects as they were applied, and may quote a credential.
    """
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redacted(each) for each in value]
    return {key: redacted(each) for key, each in value.items()} if isinstance(value, dict) else value


def _report_document(report: Report, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
    written = fields(report)
    return {
        "schema": SCHEMA,
        "cluster": written.pop("cluster"),
        "gateway": {"namespace": written.pop("namespace"), "name": written.pop("gateway")},
        "host": written.pop("host"),
        "from": written.pop("client"),
        **written,
        "started_at": stamp(report.started_at),
        "changes": [{**of, "at": stamp(c.at)} for c, of in zip(report.changes, written["changes"], strict=True)],
        "route": ROUTE.dump_python(report.route, mode="json") if report.route is not None else None,
        "settings": [{key: of[key] for key in ("resource", "field", "observed")} for of in written["settings"]],
    }


def _report_fields(written: Any) -> Any:
    """The document in the shape of `Report`. A route that this version cannot read is left out."""
    if not isinstance(written, dict):
        return written
    gateway = written.get("gateway") or {}
    try:
        route = ROUTE.validate_python(written.get("route"))
    except ValidationError:
        route = None
    return {
        **written,
        "namespace": gateway.get("namespace"),
        "gateway": gateway.get("name"),
        "client": written.get("from"),
        "route": route,
    }


ROUTE: TypeAdapter[Route] = TypeAdapter(Annotated[Route, WrapSerializer(_route_document)])
FINDINGS = TypeAdapter(tuple[Finding, ...])
REPORT: TypeAdapter[Report] = TypeAdapter(
    Annotated[Report, BeforeValidator(_report_fields), WrapSerializer(_report_document)]
)
