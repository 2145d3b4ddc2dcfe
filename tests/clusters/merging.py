"""JSON merge patches, and errors in patches."""

import copy
from collections.abc import Mapping
from typing import Any


class PatchError(ValueError):
    """A patch cannot be applied to its cluster; the text names the entry."""


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
    """Raise PatchError for a key that is not allowed."""
    unknown = sorted(set(mapping) - allowed)
    if unknown:
        raise PatchError(f"{what}: unknown key {', '.join(unknown)} (known: {', '.join(sorted(allowed))})")
