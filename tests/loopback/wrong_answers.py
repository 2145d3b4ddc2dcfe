"""Answers that are not what was requested, for any read of a cluster or of Azure.

Source: docs/rulings.md#ruling-30.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from checks.facts.fact import AzureCall, Listed, Origin, PodLog
from checks.facts.kubernetes_kinds import kind_name
from tests.loopback.faults import Fault

STATUS = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "etcdserver: no leader", "code": 500}
"""An API server's error, returned with code 200."""

_ARM_ERROR = {"error": {"code": "InternalServerError", "message": "try again"}}
_PAGE = b"<html><body>Sign in to continue</body></html>"

STATUSES = {"403": 403, "404": 404, "429": 429, "500": 500, "504": 504}
"""The answers with an HTTP status of an error."""

ANSWERS = (
    *STATUSES,
    "hangs",
    "closed",
    "cut short",
    "Status with 200",
    "{}",
    "null",
    "page",
    "wrong kind",
    "wrong items",
)
"""Every answer by name."""


def wrong_answer(name: str, origin: Origin, path: str) -> Fault:
    """The fault that gives this answer to the reads of an origin, whose path matches."""
    if name in STATUSES:
        return Fault(path, status=STATUSES[name])
    match name:
        case "hangs":
            return Fault(path, hang=20)
        case "closed":
            return Fault(path, close=True)
        case "cut short":
            return Fault(path, cut=True)
        case "page":
            return Fault(path, body=_PAGE, kind="text/html")
        case "{}":
            return Fault(path, body=b"{}")
        case "null":
            return Fault(path, body=b"null")
        case _:
            return Fault(path, body=orjson.dumps(_content(name, origin)))


def _content(name: str, origin: Origin) -> Mapping[str, Any]:
    if name == "Status with 200":
        return STATUS if isinstance(origin, Listed | PodLog) or origin.resource == "version" else _ARM_ERROR
    items = [{"metadata": {"name": "x", "namespace": "y"}, "kind": "Lease"}] if name == "wrong items" else []
    if not isinstance(origin, Listed):
        return _of_azure(name, origin)
    version = f"{origin.group}/{origin.versions[0]}" if origin.group else origin.versions[0]
    kind = "LeaseList" if name == "wrong kind" else f"{kind_name(origin.resource)}List"
    if name == "wrong items" and origin.metadata_only:
        return {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "items": items}
    return {"kind": kind, "apiVersion": version, "metadata": {}, "items": items}


def _of_azure(name: str, origin: Origin) -> Mapping[str, Any]:
    disk = {"id": "/subscriptions/a/disks/b", "type": "Microsoft.Compute/disks", "properties": {}}
    if isinstance(origin, AzureCall) and origin.resource == "agentPools":
        return {"value": [disk]} if name == "wrong items" else disk
    return {"value": []} if name == "wrong items" else disk
