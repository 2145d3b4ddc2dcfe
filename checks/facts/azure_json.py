"""One key spelling for Azure's JSON, whatever tool printed it.

`az aks show` prints camelCase attribute names (`podSubnetId`), REST prints wire names (`podSubnetID`) nested under
`properties`. Sources apply `canonical` to both, so one fact type reads both (docs/domain/azure.md#api-versions).
"""

from collections.abc import Mapping
from typing import Any

from checks.model.raw_values import Raw, mapping, text


def canonical(raw: object) -> Any:
    """Return the same JSON with lower-case keys and `properties` merged into its parent.

    Keys of `tags` and `nodeLabels` are data and keep their case."""
    if isinstance(raw, Mapping):
        folded: dict[str, Any] = {}
        for key, value in raw.items():
            low = str(key).lower()
            if low == "properties" and isinstance(value, Mapping):
                for inner, content in canonical(value).items():
                    # The outer `type` is the ARM resource type; a pool's own type is in its properties
                    # (docs/domain/azure.md#agent-pools-list).
                    folded[f"properties.{inner}" if inner == "type" else inner] = content
            else:
                folded.setdefault(low, value if low in ("tags", "nodelabels") else canonical(value))
        return folded
    if isinstance(raw, list | tuple):
        return [canonical(each) for each in raw]
    return raw


def arm_segment(arm_id: str, name: str) -> str:
    """The segment after `name` (lower case) in an ARM resource id.

    `resourcegroups` gives the resource group; "" if absent.
    """
    parts = arm_id.split("/")
    for index, part in enumerate(parts[:-1]):
        if part.lower() == name:
            return parts[index + 1]
    return ""


def provisioning_error_of(raw: Raw) -> str:
    """Code and message of `status.provisioningError`.

    The error is read with or without a wrapping `error` object.
    """
    error = mapping(raw, "status", "provisioningerror")
    inner = mapping(error, "error") or error
    return ": ".join(part for part in (text(inner, "code"), text(inner, "message")) if part)
