"""Logs of worker, courier and beat: to standard error, with the run of the current task."""

import logging
import sys
import time
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import unquote, urlsplit

from celery.signals import celeryd_init, setup_logging, task_postrun, task_prerun
from redis.exceptions import RedisError

from checks.config.log_format import handler, set_log_context
from workers.queue.settings import WorkerSettings, worker_settings

_QUIET = ("azure", "urllib3", "kubernetes", "msal", "slack_sdk", "slack_bolt", "tornado", "celery.redirected", "kombu")
"""Libraries that log each request; only their warnings are kept."""


_CONSUMER = "celery.worker.consumer.consumer"
_REPEATED_AFTER = 10.0
"""Seconds after which the consumer's same warning is logged again."""


class RepeatedWarnings(logging.Filter):
    """Passes a warning about the connection once in ten seconds, without its traceback.

    While Redis is read-only, the consumer connects and is refused six times a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._logged: dict[object, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        # Celery's only critical record here is about frequent reconnections.
        refused = record.exc_info is not None and isinstance(record.exc_info[1], RedisError | OSError)
        if not record.exc_info or not (refused or record.levelno == logging.CRITICAL):
            return True
        now = time.monotonic()
        if now - self._logged.get(record.msg, -_REPEATED_AFTER) < _REPEATED_AFTER:
            return False
        self._logged[record.msg] = now
        text = f"{' '.join(record.getMessage().split())} ({record.exc_info[1]})"
        record.msg, record.args, record.exc_info, record.exc_text = text, (), None, None
        return True


def log_form(config: WorkerSettings) -> str:
    """`json` or `text`: from EGRESS_DIAG_LOG, else text if standard error is a terminal."""
    return config.log or ("text" if sys.stderr.isatty() else "json")


def set_up_logs(process: str, secrets: Collection[str] = ()) -> None:
    """Configure the root logger."""
    config = worker_settings()
    own = {config.redis_password.get_secret_value(), unquote(urlsplit(config.redis_url).password or "")}
    root = logging.getLogger()
    root.handlers = [handler(log_form(config), sys.stderr, process, [*own, *secrets])]
    root.setLevel(config.log_level)
    logging.captureWarnings(True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def set_up_celery_logs(secrets: Callable[[], Collection[str]] = tuple) -> None:
    """Configure the logs of a Celery process when it starts, in place of Celery's own.

    Every record names the run of the current task.
    """

    def set_up_process(sender: object = None, **_: object) -> None:
        set_up_logs(str(sender).partition("@")[0], secrets())

    logging.getLogger(_CONSUMER).addFilter(RepeatedWarnings())
    celeryd_init.connect(set_up_process, weak=False, dispatch_uid="logs")
    # A receiver of this signal keeps Celery from configuring its own logs.
    setup_logging.connect(_set_up_already, weak=False, dispatch_uid="logs")
    task_prerun.connect(_began, weak=False, dispatch_uid="logs")
    task_postrun.connect(_ended, weak=False, dispatch_uid="logs")


def task_subject(task: str, arguments: Collection[Any]) -> dict[str, str]:
    """The fields of a task's log records, from its name and its one argument."""
    argument = str(next(iter(arguments), ""))
    if task == "workers.diagnose":
        return {"run": argument}
    kind, _, name = argument.partition("/")
    if task == "bot.courier.deliver":
        return {"run": name} if kind == "run" else {"document": argument}
    return {"subject": argument} if argument else {}


def _set_up_already(**_: object) -> None:
    """Nothing to do: the logs were configured when the process began, before its first warning."""


def _began(task: Any = None, args: Collection[Any] | None = None, **_: object) -> None:
    set_log_context(**task_subject(str(getattr(task, "name", "")), args or ()))


def _ended(**_: object) -> None:
    set_log_context()
