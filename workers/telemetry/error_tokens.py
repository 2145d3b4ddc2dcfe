"""Tokens of errors, each logged where it is made: a message in Slack leads to the log."""

import logging
import secrets


def logged_error_token(log: logging.Logger, text: str, error: BaseException | None = None) -> str:
    """Log an error and return the token that the log record names.

    An exception is logged with its traceback.
    """
    token = secrets.token_hex(4)
    log.error("%s, error %s", text, token, exc_info=error)
    return token
