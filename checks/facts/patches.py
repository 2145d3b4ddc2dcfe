"""JSON patches (RFC 6902), JSON merge patches (RFC 7386) and `kubectl apply`.

They are applied to an object without a cluster.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import json_merge_patch
import jsonpatch
import jsonpointer

from checks.model.raw_values import Raw, mapping


class Unfit(ValueError):
    """An operation cannot be applied to the object; the text names the operation and why."""


def json_patched(raw: Raw, operations: Sequence[Raw]) -> Raw:
    """A copy of the object after all operations. Raises Unfit."""
    found: Any = copy.deepcopy(dict(raw))
    for number, operation in enumerate(operations, 1):
        try:
            found = jsonpatch.apply_patch(found, [copy.deepcopy(dict(operation))], in_place=True)
        except jsonpatch.JsonPatchTestFailed:
            raise Unfit(f"{_label(number, operation)}: the field has another value") from None
        except jsonpatch.InvalidJsonPatch:
            raise Unfit(f"{_label(number, operation)}: not a valid operation") from None
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, ValueError):
            raise Unfit(f"{_label(number, operation)}: the object has no such field or list entry") from None
    if not isinstance(found, dict):
        raise Unfit("the result is not an object")
    return found


def _label(number: int, operation: Raw) -> str:
    return f"operation {number} ({operation.get('op', '?')} {operation.get('path', '?')})"


def merge_patched(raw: Raw, patch: Raw) -> Raw:
    """A copy of the object after the merge patch.

    Mappings are merged, null removes, everything else replaces.
    """
    merged: Any = json_merge_patch.merge(copy.deepcopy(dict(raw)), copy.deepcopy(dict(patch)))
    return dict(merged)


def three_way_patch(last: Raw, new: Raw) -> Raw:
    """The merge patch of `kubectl apply`.

    The new manifest, and null for fields that only the last applied manifest has.
    """
    removed = {key: None for key in last if key not in new}
    kept = {
        key: three_way_patch(mapping(last, key), value) if isinstance(value, Mapping) else value
        for key, value in new.items()
    }
    return {**removed, **kept}
