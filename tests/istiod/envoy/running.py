"""Running Envoys: one for each proxy of a mesh."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import orjson

Json = dict[str, Any]

_SECONDS = 20.0


class NotStarted(Exception):
    """Envoy refused its configuration; the message is Envoy's."""


class Envoy:
    """One Envoy with its access log."""

    def __init__(self, program: Path, bootstrap: Json, folder: Path, name: str) -> None:
        self._log = folder / f"{name}.log"
        self._log.touch()
        self._admin: int = bootstrap["admin"]["address"]["socket_address"]["port_value"]
        path, self._errors = folder / f"{name}.json", folder / f"{name}.err"
        path.write_bytes(orjson.dumps(bootstrap))
        self._read = 0
        command = [str(program), "-c", str(path), "--disable-hot-restart", "--concurrency", "1", "-l", "warning"]
        command += ["--file-flush-interval-msec", "20", "--drain-time-s", "1"]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(command, stdout=errors, stderr=errors)

    def wait(self) -> None:
        """Waits until it serves. Raises NotStarted."""
        ends = time.monotonic() + _SECONDS
        while time.monotonic() < ends and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/ready", timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        errors = self._errors.read_text(errors="replace")
        self.stop()
        refused = " ".join(errors.partition("[critical]")[2].split()) or errors
        raise NotStarted(f"{refused[:300]} … {refused[-300:]}" if len(refused) > 600 else refused)

    def stop(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()

    def entries(self) -> list[Json]:
        """The access log entries since the last call."""
        data = self._log.read_bytes()[self._read :]
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return [orjson.loads(line) for line in whole.splitlines()]
