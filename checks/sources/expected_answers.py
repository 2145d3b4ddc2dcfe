"""Checks that an answer is what was requested; anything else is a failed read.

Source: docs/rulings.md#ruling-30.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from checks.facts.fact import Listed
from checks.facts.kubernetes_kinds import kind_name
from checks.model.raw_values import text
from checks.sources.reduction import Json
from checks.sources.replies import Failure

WRONG_ANSWER = 502
"""The status of a failed read whose answer has another status than its content."""


def list_items(page: Json, what: Listed, api_version: str) -> list[Json]:
    """The items of a page of a Kubernetes list. Raises Failure (502)."""
    kind, partial = kind_name(what.resource), what.metadata_only
    wanted = ("PartialObjectMetadataList", "meta.k8s.io/v1") if partial else (f"{kind}List", api_version)
    found = (text(page, "kind"), text(page, "apiVersion"))
    if found != wanted:
        raise Failure(
            WRONG_ANSWER, f"the answer is {_named(*found)}, not the requested {_named(*wanted)}{_message(page)}"
        )
    items = page.get("items", ())
    if items is None:  # as the API server writes an empty list of some kinds
        return []
    if not isinstance(items, list):
        raise Failure(WRONG_ANSWER, "the answer is not a Kubernetes list: it has no items")
    item_kinds = ("PartialObjectMetadata",) if partial else ("", kind)
    for each in items:
        if not isinstance(each, dict) or not text(each, "metadata", "name") or text(each, "kind") not in item_kinds:
            raise Failure(WRONG_ANSWER, f"the list contains an item that is not {_named(kind, api_version)}")
    return items


def kubernetes_object(found: Json, what: Listed, api_version: str) -> Json:
    """An object of the requested kind and name (of `what.namespace`). Raises Failure (502)."""
    kind = kind_name(what.resource)
    if (text(found, "kind"), text(found, "metadata", "name")) != (kind, what.namespace):
        raise Failure(WRONG_ANSWER, f"the answer is not {_named(kind, api_version)}{_message(found)}")
    return found


def server_version(found: Json) -> Json:
    """The answer to `GET /version`. Raises Failure (502)."""
    if not text(found, "gitVersion"):
        raise Failure(WRONG_ANSWER, f"the answer is not the version of an API server{_message(found)}")
    return found


def log_lines(body: bytes, content_type: str) -> bytes:
    """The answer to a request for a log, which is plain text. Raises Failure (502)."""
    if content_type.partition(";")[0].strip().lower() in ("", "text/plain") and not is_status(body):
        return body
    raise Failure(WRONG_ANSWER, f"the answer is not a log but {content_type or 'a Status'}")


def managed_cluster(found: Any) -> Json:
    """Azure's answer about a managed cluster. Raises Failure (502)."""
    return _arm_object(found, "a managed cluster", "microsoft.containerservice/managedclusters")


def network_resource(found: Any, resource_id: str) -> Json:
    """Azure's answer about the resource with this ID. Raises Failure (502)."""
    resource = _arm_object(found, "the requested resource", "")
    if text(resource, "id").lower() != resource_id.lower():
        raise Failure(WRONG_ANSWER, "Azure's answer is not the requested resource")
    return resource


def network_interfaces(found: Any) -> tuple[Json, ...]:
    """Azure's list of a machine's network interfaces. Raises Failure (502)."""
    listed = found.get("value") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) and each.get("id") for each in listed):
        raise Failure(WRONG_ANSWER, "Azure's answer is not a list of network interfaces")
    return tuple(listed)


def role_assignments(found: Any, list_id: str) -> Json:
    """Azure's list of role assignments as one resource with the list's ID.

    Raises Failure (502).
    """
    listed = found.get("value") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(text(each, "properties", "roleDefinitionId") for each in listed):
        raise Failure(WRONG_ANSWER, "Azure's answer is not a list of role assignments")
    if found.get("nextLink"):
        raise Failure(WRONG_ANSWER, "Azure's list of role assignments is incomplete")
    return {"id": list_id, "value": listed}


def role_definition(found: Any, role_id: str) -> Json:
    """Azure's answer about a role definition, with the requested ID. Raises Failure (502)."""
    resource = _arm_object(found, "a role definition", "microsoft.authorization/roledefinitions")
    if text(resource, "name").lower() != role_id.rsplit("/", 1)[-1].lower():
        raise Failure(WRONG_ANSWER, "Azure's answer is not the requested role definition")
    return {**resource, "id": role_id}


def node_pool_page(response: Any) -> None:
    """Check a page of Azure's list of node pools. Raises Failure (502)."""
    answer = response.http_response
    if answer.status_code != 200:
        return
    try:
        page = orjson.loads(answer.body())
    except orjson.JSONDecodeError:
        page = None
    pools = page.get("value") if isinstance(page, Mapping) else None
    if not isinstance(pools, list):
        raise Failure(WRONG_ANSWER, "Azure's answer is not a list of node pools")
    for each in pools:
        _arm_object(each, "a list of node pools", "microsoft.containerservice/managedclusters/agentpools")


def _arm_object(found: Any, what: str, kind: str) -> Json:
    of_kind = isinstance(found, dict) and (not kind or text(found, "type").lower() == kind)
    if not of_kind or not text(found, "id") or not isinstance(found.get("properties"), Mapping):
        raise Failure(WRONG_ANSWER, f"Azure's answer is not {what}")
    result: Json = found
    return result


def is_status(body: bytes) -> bool:
    """Whether a body is the API server's Status, which reports an error."""
    if not body.startswith(b"{"):
        return False
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return text(found, "kind") == "Status" and text(found, "apiVersion") == "v1"


def _named(kind: str, api_version: str) -> str:
    return f"{kind or 'an object without kind'}{f' ({api_version})' if api_version else ''}"


def _message(found: Json) -> str:
    message = text(found, "message")
    return f": {message}" if message else ""
