"""JSON merge patches, and what is wrong with one."""

import copy
from collections.abc import Mapping
from typing import Any


class PatchError(ValueError):
    """A patch that does not fit the cluster it is applied to; the text names the entry."""


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386 JSON merge patch; neither argument is modified."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def only(mapping: Mapping[str, Any], allowed: set[str], what: str) -> None:
    """Raises PatchError for a key that is none of the allowed ones."""
    unknown = sorted(set(mapping) - allowed)
    if unknown:
        raise PatchError(f"{what}: unknown key {', '.join(unknown)} (known: {', '.join(sorted(allowed))})")
