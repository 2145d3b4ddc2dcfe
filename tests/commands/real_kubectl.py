"""Calls of real kubectl: changes as a dry run of the server, reads as they stand."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import yaml

from tests.commands.loaded import LoadedServer
from tests.pasting.shells import Call

_DRY = frozenset(
    {
        *("apply", "patch", "label", "annotate", "scale", "delete", "create", "replace", "set", "autoscale", "taint"),
        *("cordon", "uncordon", "drain", "expose", "run"),
    }
)
"""Verbs that know `--dry-run=server`."""
_WAITING = frozenset({"wait", "rollout", "exec"})
"""Verbs that wait for a state or for pods, which no controller creates here."""
_KUBELET = re.compile(
    r"no preferred addresses found|does not have a host assigned|Metrics API not available|"
    r"unable to upgrade connection|error dialing backend"
)
"""Errors of accepted requests that only a kubelet or the metrics server can answer."""
_WAITED = re.compile(r"timed out waiting|exceeded its progress deadline|unable to find pods")
_FILE = re.compile(r"--from-file=\S+?=([\w.-]+)")
"""The files of the reader."""
_SAME = re.compile(r"\(no change\)|^\S+ unchanged|not labeled|not patched|already (?:un)?cordoned", re.MULTILINE)


class Answer(Enum):
    """The result of one call."""

    READ = "read"
    CHANGED = "changed"
    UNCHANGED = "changed nothing"
    KUBELET = "accepted up to the kubelet"
    WAITED = "waits"
    NOT_LOADED = "names a recorded object that the server refuses"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    answer: Answer
    message: str = ""


class RealKubectl:
    """kubectl against the loaded server. `dirty`: its objects must be restored.

    `contexts` are the names of contexts in its kubeconfig: the present one first, and those of further clusters, for which
    the same server answers.
    """

    def __init__(self, program: Path, loaded: LoadedServer, folder: Path, contexts: Sequence[str]) -> None:
        self.program = program
        self.loaded = loaded
        self.folder = folder
        self.dirty = False
        self._config = folder / "kubeconfig"
        config = yaml.safe_load(loaded.server.kubeconfig().read_text(encoding="utf-8"))
        config["current-context"] = contexts[0]
        config["contexts"] = [{"name": each, "context": config["contexts"][0]["context"]} for each in contexts]
        self._config.write_text(yaml.safe_dump(config), encoding="utf-8")

    def run(self, call: Call, *, dry: bool = True) -> Result:
        """The result of a call. Without `dry`, it changes the server's objects."""
        verb, place = _verb(call.words)
        words = [str(self.program), *call.words[1:]]
        if dry and verb in _DRY and not any(each.startswith("--dry-run") for each in words):
            words.insert(place + 1, "--dry-run=server")
        elif verb in ("debug", "rollout", *_DRY):
            self.dirty = True
        if verb == "delete":
            words.insert(place + 1, "--wait=false")  # no kubelet ends pods here
        if verb == "exec":
            words.insert(place + 1, "--pod-running-timeout=1s")
        if verb == "debug":
            words.insert(place + 1, "--attach=false")
        if verb in ("wait", "rollout") and _second(call.words) in ("status", verb):
            words = _before_double_dash(words, "--timeout=1s")
        for name in _FILE.findall(" ".join(call.words)):
            (self.folder / name).touch()
        try:
            done = subprocess.run(
                words,
                input=call.input,
                env=self._environment(),
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Result(Answer.REFUSED, "no answer within 60 s")
        return result_of(verb, done)

    def paste(self, text: str) -> None:
        """Execute a text in bash with the real program, for a pipe between two calls."""
        self.dirty = True
        place = self.folder / "real"
        place.mkdir(exist_ok=True)
        if not (place / "kubectl").exists():
            (place / "kubectl").symlink_to(self.program)
        environment = {**self._environment(), "PATH": f"{place}{os.pathsep}{os.defpath}"}
        subprocess.run(
            ["/bin/bash"],
            input=text,
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        home = self.folder / f"home-{self.loaded.kinds}"
        home.mkdir(exist_ok=True)
        return {
            "PATH": os.defpath,
            "HOME": str(home),
            "KUBECONFIG": str(self._config),
            "EDITOR": "true",
            "LC_ALL": "C.UTF-8",
        }


def result_of(verb: str, done: subprocess.CompletedProcess[str]) -> Result:
    said = f"{done.stdout}{done.stderr}".strip()
    if done.returncode and _KUBELET.search(said):
        return Result(Answer.KUBELET)
    if done.returncode and verb in _WAITING and _WAITED.search(said):
        return Result(Answer.WAITED)
    if verb == "auth" and done.stdout.strip() in ("yes", "no"):
        return Result(Answer.READ)
    if done.returncode:
        return Result(Answer.REFUSED, done.stderr.strip() or said)
    if verb in _DRY or "restarted" in done.stdout:
        return Result(Answer.UNCHANGED if _SAME.search(said) else Answer.CHANGED, said)
    return Result(Answer.READ, done.stderr.strip())


def _verb(words: Sequence[str]) -> tuple[str, int]:
    """The verb and its place among the words: after the options that all commands have."""
    place = 1
    while place < len(words) and words[place].startswith("-"):
        place += 1 if "=" in words[place] else 2
    return (words[place], place) if place < len(words) else ("", place)


def _second(words: Sequence[str]) -> str:
    verb, place = _verb(words)
    return words[place + 1] if verb == "rollout" and place + 1 < len(words) else verb


def _before_double_dash(words: list[str], option: str) -> list[str]:
    end = words.index("--") if "--" in words else len(words)
    return [*words[:end], option, *words[end:]]
