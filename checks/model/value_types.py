"""Immutable values that a fleet check makes in large numbers.

They are findings, and the decisions and ends of routes.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:

    def value(*, frozen, slots):
        """Declare an immutable dataclass with `frozen=True, slots=True`, as `dataclass` does.

        mypy reads it as `dataclass`, and rejects every assignment to an attribute. Python does not reject them: a frozen
        dataclass sets each attribute by a call of `object.__setattr__`, which was a seventh of the time of a fleet check.
        Equality and hash are those of a frozen dataclass.
        """
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["value"]
