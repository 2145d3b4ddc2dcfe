"""Defects of a diagnosis: the only broad handler of the engine.

A part of the diagnosis that crashes is not checked and hides no other part.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

log = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Defect:
    """A crash: the token of its log record, and the name of the exception's class."""

    token: str
    kind: str

    def __str__(self) -> str:
        return f"error {self.token}, {self.kind}"


def result_or_defect(key: str, part: str, work: Callable[[], _T]) -> _T | Defect:
    """The result of a part of the diagnosis, or the defect that the log describes.

    Equal errors of the same `key` have the same token.
    """
    try:
        return work()
    except Exception as error:  # a crashed part is not checked and does not hide the others
        kind = type(error).__name__
        token = hashlib.sha256(f"{key} {kind} {error}".encode()).hexdigest()[:8]
        log.exception("%s crashed, error %s", part, token)
        return Defect(token, kind)
