"""Unexpected exceptions of client libraries: the only broad handler of the sources.

A client library, or a plugin that it runs, can raise anything. In a source, this is a failed read.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from checks.facts.fact import Gap
from checks.sources.source import Answer

log = logging.getLogger(__name__)

_T = TypeVar("_T")


def result_or_error(call: Callable[[], _T]) -> _T | Exception:
    """The result of a call of a client library, or the exception that it raised."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - in a source, any exception of a client library becomes a gap
        return error


def answer_or_gap(read: Callable[[], Answer], request: Gap) -> Answer:
    """The answer of a read, or the gap of its request.

    The gap has the name of the class of the unexpected exception.
    """
    found = result_or_error(read)
    if isinstance(found, Exception):
        log.warning("reading %s failed", request.resource, exc_info=found)
        return replace(request, status=0, message=type(found).__name__)
    return found
