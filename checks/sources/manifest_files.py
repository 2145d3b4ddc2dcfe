"""Manifests from files, directories and standard input."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from checks.facts.change_input import BadChange

SUFFIXES = (".yaml", ".yml", ".json")
MOST_BYTES = 64 * 1024 * 1024
"""Of one file, as in a bundle."""
_KUSTOMIZATION = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_CHART = "Chart.yaml"


def manifest_texts(paths: Iterable[str], standard_input: BinaryIO) -> Iterator[tuple[str, str]]:
    """(name, text) of each file.

    `-` is standard input, a directory all manifests in it and below it.

    Raises BadChange for a file that cannot be read, and for the source of a kustomization or chart: it is rendered first.
    """
    for path in paths:
        if path == "-":
            yield "standard input", _text("standard input", standard_input.read(MOST_BYTES + 1))
        elif Path(path).is_dir():
            found = list(_of_directory(Path(path)))
            if not found:
                raise BadChange(f"{path}: no manifest in this directory; expected files {', '.join(SUFFIXES)}")
            yield from ((str(each), _read(each)) for each in found)
        else:
            yield path, _read(Path(path))


def _of_directory(directory: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(directory):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        if any(each in files for each in _KUSTOMIZATION):
            raise BadChange(
                f"{parent}: a kustomization; use the output of `kubectl kustomize {parent}`, for example with -"
            )
        if _CHART in files:
            raise BadChange(f"{parent}: a Helm chart; use the output of `helm template {parent}`, for example with -")
        yield from (
            Path(parent, each) for each in sorted(files) if each.endswith(SUFFIXES) and not each.startswith(".")
        )


def _read(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            return _text(str(path), opened.read(MOST_BYTES + 1))
    except OSError as error:
        raise BadChange(f"{path}: cannot be read: {error.strerror or error}") from None


def _text(name: str, found: bytes) -> str:
    if len(found) > MOST_BYTES:
        raise BadChange(f"{name}: larger than {MOST_BYTES // 1024 // 1024} MiB")
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadChange(f"{name}: not UTF-8 text") from None
