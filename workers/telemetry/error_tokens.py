"""Unexpected errors: the one place that catches them, and their tokens in the log.

Each token is logged where it is made: a message in Slack leads to the log.
"""

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from redis.exceptions import RedisError


def logged_error_token(log: logging.Logger, text: str, error: BaseException | None = None) -> str:
    """Log an error and return the token that the log record names.

    An exception is logged with its traceback.
    """
    token = secrets.token_hex(4)
    log.error("%s, error %s", text, token, exc_info=error)
    return token


@dataclass(slots=True)
class CaughtError:
    """The unexpected error of a block, None without one, and the token of its log record."""

    error: Exception | None = None
    token: str = ""

    @property
    def kind(self) -> str:
        """The name of the exception's class."""
        return type(self.error).__name__


@contextmanager
def unexpected_error(report: Callable[[Exception], str]) -> Iterator[CaughtError]:
    """Catch an unexpected exception of the block, so that the work beside it continues.

    `report` logs it and returns its token. RedisError is expected and raised: the work is done again later.
    """
    caught = CaughtError()
    try:
        yield caught
    except RedisError:
        raise
    except Exception as error:  # noqa: BLE001 - reported with a token, and the caller shows it
        caught.error, caught.token = error, report(error)
