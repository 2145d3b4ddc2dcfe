"""JSON merge patches, and errors in patches."""

import copy
from collections.abc import Mapping
from typing import Any

import json_merge_patch


class PatchError(ValueError):
    """A patch cannot be applied to its cluster; the text names the entry."""


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386 JSON merge patch; neither argument is modified."""
    return json_merge_patch.merge(copy.deepcopy(target), copy.deepcopy(patch))


def only(mapping: Mapping[str, Any], allowed: set[str], what: str) -> None:
    """Raise PatchError for a key that is not allowed."""
    unknown = sorted(set(mapping) - allowed)
    if unknown:
        raise PatchError(f"{what}: unknown key {', '.join(unknown)} (known: {', '.join(sorted(allowed))})")
