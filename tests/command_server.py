"""A process that has loaded the command line and forks for each run of it.

Most of a short run is loading modules. A script, not a module: it is started without the folder of the tests on the path.
Reads one JSON request per line from the descriptor in the first argument, and writes the exit code of the run to the one in
the second argument. The fork leaves the loop, takes the request's arguments, environment, folder and streams, and then runs
and ends as the installed command does.
"""

import importlib
import json
import os
import signal
import sys
import time
from typing import Any

_LOADED = (
    "checks.cli.console",
    "checks.cli.sweep_console",
    "checks.config.configuration",
    "checks.config.settings",
    "checks.engine.selection",
    "checks.model.question",
    "checks.reports.document",
    "checks.sources.bundle",
    "checks.sources.recording",
    "checks.sources.run",
    "checks.sources.sweep_reads",
)


def load() -> None:
    """Import what a diagnosis of a bundle imports, and every check."""
    for name in _LOADED:
        importlib.import_module(name)
    from checks.catalogue import catalogue

    catalogue()


def serve(requests: int, answers: int) -> None:
    """Fork for each request; only the forks return."""
    with os.fdopen(requests, "rb") as lines:
        for line in lines:
            child = os.fork()
            if child == 0:
                become(json.loads(line))
                os.close(answers)
                return
            _, status = os.waitpid(child, 0)
            os.write(answers, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def become(request: dict[str, Any]) -> None:
    """Take the request's arguments, environment, folder and streams.

    A run that takes four minutes is killed.
    """
    signal.alarm(240)
    sys.argv[:] = request["words"]
    os.environ.clear()  # noqa: TID251 - the environment of the run
    os.environ.update(request["env"])  # noqa: TID251 - the environment of the run
    time.tzset()
    os.chdir(request["cwd"])
    for number, name in enumerate(("in", "out", "err")):
        stream = os.open(request[name], os.O_RDONLY if number == 0 else os.O_WRONLY)
        os.dup2(stream, number)
        os.close(stream)


if __name__ == "__main__":
    from checks.cli.main import main

    load()
    serve(int(sys.argv[1]), int(sys.argv[2]))
    sys.exit(main())
