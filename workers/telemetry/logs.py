"""How worker, courier and beat log: to standard error, with the run that a task is about."""

import logging
import sys
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import unquote, urlsplit

from celery.signals import celeryd_init, setup_logging, task_postrun, task_prerun

from checks.config.log_format import begin, handler
from workers.queue.settings import WorkerSettings, worker_settings

_QUIET = ("azure", "urllib3", "kubernetes", "msal", "slack_sdk", "slack_bolt", "waitress", "celery.redirected", "kombu")
"""Libraries that log each request; their warnings are kept."""


def log_form(config: WorkerSettings) -> str:
    """`json` or `text`: what EGRESS_DIAG_LOG says, else text where somebody looks at a terminal."""
    return config.log or ("text" if sys.stderr.isatty() else "json")


def set_up_logs(process: str, secrets: Collection[str] = ()) -> None:
    """Makes the root logger write as this installation does."""
    config = worker_settings()
    own = {config.redis_password.get_secret_value(), unquote(urlsplit(config.redis_url).password or "")}
    root = logging.getLogger()
    root.handlers = [handler(log_form(config), sys.stderr, process, [*own, *secrets])]
    root.setLevel(config.log_level)
    logging.captureWarnings(True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def set_up_celery_logs(secrets: Callable[[], Collection[str]] = tuple) -> None:
    """Sets up the logs of a Celery process when it starts, instead of Celery's own, and names the run in every record."""

    def set_up_process(sender: object = None, **_: object) -> None:
        set_up_logs(str(sender).partition("@")[0], secrets())

    celeryd_init.connect(set_up_process, weak=False, dispatch_uid="logs")
    # Somebody who listens to this signal keeps Celery from setting up its own.
    setup_logging.connect(_set_up_already, weak=False, dispatch_uid="logs")
    task_prerun.connect(_began, weak=False, dispatch_uid="logs")
    task_postrun.connect(_ended, weak=False, dispatch_uid="logs")


def task_subject(task: str, arguments: Collection[Any]) -> dict[str, str]:
    """What a task is about, from its name and its one argument."""
    argument = str(next(iter(arguments), ""))
    if task == "workers.diagnose":
        return {"run": argument}
    kind, _, name = argument.partition("/")
    if task == "bot.courier.deliver":
        return {"run": name} if kind == "run" else {"document": argument}
    return {"subject": argument} if argument else {}


def _set_up_already(**_: object) -> None:
    """Done when the process began, before its first warning."""


def _began(task: Any = None, args: Collection[Any] | None = None, **_: object) -> None:
    begin(**task_subject(str(getattr(task, "name", "")), args or ()))


def _ended(**_: object) -> None:
    begin()
