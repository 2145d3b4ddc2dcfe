"""Hashes that lose their oldest fields when they grow too large."""

from collections.abc import Mapping


def surplus_fields(times: Mapping[str, float], new: str, most: int) -> list[str]:
    """The fields to remove before `new` is written, so that no more than `most` remain.

    `times` are seconds since 1970; the oldest are removed.
    """
    others = sorted((name for name in times if name != new), key=lambda name: times[name])
    return others[: max(0, len(others) + 1 - most)]
