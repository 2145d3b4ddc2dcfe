"""Checks that a file with an answer of Azure contains what it is named for.

A file may contain the REST body or the output of `az`. Its objects may lack fields, because people write bundles by hand.

Source: docs/rulings.md#ruling-30.
"""

from collections.abc import Mapping
from typing import Any

from checks.facts.azure_json import canonical
from checks.model.raw_values import Raw, mapping, text

_CLUSTER_TYPE = "microsoft.containerservice/managedclusters"
_CLUSTER = {
    *("agentpoolprofiles", "kubernetesversion", "networkprofile", "provisioningstate", "servicemeshprofile"),
    *("noderesourcegroup", "fqdn", "privatefqdn", "powerstate"),
}
"""Properties of which a managed cluster has one."""
_POOL = {"count", "mode", "nodelabels", "ostype", "powerstate", "provisioningstate", "vmsize", "vnetsubnetid"}
"""Properties of which a node pool has one."""
CLUSTER_FILE = "a managed cluster, as `az aks show -o json` writes it"
POOLS_FILE = "a list of node pools, as `az aks nodepool list -o json` writes it"
RESOURCES_FILE = "a JSON array of ARM resources, each with its id"


def cluster_problem(found: object) -> str:
    """The reason why this is not a managed cluster, "" if it is one."""
    if not isinstance(found, Mapping):
        return "not a JSON object"
    if error := _error(found):
        return error
    if not _has(found, _CLUSTER_TYPE, _CLUSTER):
        return f"not a managed cluster: {_described(found)}"
    return ""


def pools_problem(found: object) -> str:
    """The reason why this is not a list of node pools, "" if it is one."""
    listed = rows(found)
    if listed is None:
        return _error(found) or "not a list of JSON objects"
    for number, each in enumerate(listed, 1):
        if not text(each, "name") or not _has(each, f"{_CLUSTER_TYPE}/agentpools", _POOL):
            return f"entry {number} is not a node pool: {_described(each)}"
    return ""


def resources_problem(found: object) -> str:
    """The reason why this is not a list of Azure resources, "" if it is one."""
    listed = rows(found)
    if listed is None:
        return _error(found) or "not a list of JSON objects"
    for number, each in enumerate(listed, 1):
        if not text(each, "id").startswith("/"):
            return f"entry {number} is not an Azure resource: {_described(each)}"
    return ""


def rows(found: object) -> list[Mapping[str, Any]] | None:
    """The objects of a JSON array or of a REST list (`value`); None for anything else."""
    if isinstance(found, Mapping):
        found = found.get("value")
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        return None
    return found


def _has(found: Raw, arm_type: str, properties: set[str]) -> bool:
    """Whether an object has this type, if it has any, and one of the properties."""
    of_type = text(found, "type").lower()
    other = "/" in of_type and of_type != arm_type  # the type of a pool in the output of az has no slash
    return not other and not properties.isdisjoint(canonical(found))


def _described(found: Raw) -> str:
    """The identity of an object: its type, its kind or its fields."""
    if named := text(found, "type") or text(found, "kind"):
        return f"it is {named}"
    fields = ", ".join(sorted(map(str, found))[:5])
    return f"it has the fields {fields}" if fields else "it is empty"


def _error(found: object) -> str:
    """Azure's error in place of an answer, "" if there is none."""
    error = mapping(found, "error")
    code = text(error, "code")
    return f"Azure's error {code} in place of an answer" if code else ""
