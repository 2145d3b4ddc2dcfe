"""Pasting into a real shell, with programs that record their calls."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

COPIED = "{apiVersion: v1, kind: Secret, metadata: {name: copied}}"
"""The manifest that the stand-in of kubectl writes into a pipe."""
_STAND_IN = """#!/bin/sh
input=""
for word in "$@"; do
  [ "$word" = - ] && input="$(cat)"
done
{ printf '%s\\0' "${0##*/}" "$@"; printf '\\001%s\\002' "$input"; } > "$CALLS.$$"
cat "$CALLS.$$" >> "$CALLS"
for word in "$@"; do
  case "$word" in go-template=apiVersion* | yaml) echo '@@COPIED' ;; esac
done
""".replace("@@COPIED", COPIED)
"""`-o yaml` and a template that writes a manifest print one, for the next command.

Each call is appended at once: the programs of a pipe run at the same time.
"""
_REQUIRED = re.compile(r"\$\{([A-Z_]+):\?")
_END = re.compile(r"^@@(\d+) (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Call:
    """A program that a pasted command started: its words, and the input that it read."""

    words: tuple[str, ...]
    input: str


@dataclass(frozen=True)
class Pasted:
    """The result of pasted texts.

    `ended` are the exit codes by the number of the text; one that is missing made the shell wait for more.
    """

    ended: dict[int, int]
    errors: str
    calls: tuple[Call, ...]


def stand_ins(folder: Path, programs: Sequence[str]) -> Path:
    """A folder for PATH with the programs that record their calls."""
    for name in programs:
        path = folder / name
        path.write_text(_STAND_IN, encoding="utf-8")
        path.chmod(0o755)
    return folder


def paste(shell: Sequence[str], texts: Sequence[str], folder: Path) -> Pasted:
    """Paste texts into one shell, one after the other, as a person pastes them."""
    calls = folder / f"calls-{Path(shell[0]).name}"
    calls.write_bytes(b"")
    lines = [f"{text.rstrip()}\nprintf '@@%s %s\\n' {number} $?\n" for number, text in enumerate(texts)]
    path = f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"
    done = subprocess.run(
        shell,
        input="".join(lines),
        cwd=folder,
        env={"PATH": path, "CALLS": str(calls), "LC_ALL": "C.UTF-8", **_given(texts)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    ended = {int(number): int(code) for number, code in _END.findall(done.stdout)}
    return Pasted(ended, done.stderr, tuple(_calls(calls.read_text(encoding="utf-8"))))


def _given(texts: Sequence[str]) -> dict[str, str]:
    """Values for the variables that the shell requires, which a person sets first."""
    return dict.fromkeys((name for text in texts for name in _REQUIRED.findall(text)), "10.0.0.4")


def _calls(recorded: str) -> list[Call]:
    found = []
    for each in recorded.split("\x02")[:-1]:
        words, _, read = each.partition("\x01")
        found.append(Call(tuple(words.split("\0")[:-1]), read))
    return found
