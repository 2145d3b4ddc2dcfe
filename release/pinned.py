"""The packages that a requirements file of `make lock` pins."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_VIA = re.compile(r"^ {4}#(?: via| {2}) (?P<name>[a-z0-9][a-z0-9.-]*)(?: \(pyproject\.toml\))?$", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pinned:
    """One package with its exact version."""

    name: str
    version: str
    hashes: frozenset[str]
    """SHA-256 of each file that may be installed."""
    needed_by: frozenset[str]
    """The packages that depend on it; among them this project, if it is a direct dependency."""


def pinned_packages(text: str) -> Iterator[Pinned]:
    """The packages of a file.

    Raises ValueError for one without an exact version or without hashes.
    """
    for block in re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE)[1:]:
        requirement = Requirement(block.splitlines()[0].rstrip(" \\"))
        exact = [each.version for each in requirement.specifier if each.operator == "=="]
        hashes = frozenset(_HASH.findall(block))
        if len(exact) != 1 or not hashes:
            raise ValueError(f"{requirement.name} has no exact version or no hashes")
        yield Pinned(canonicalize_name(requirement.name), exact[0], hashes, frozenset(_VIA.findall(block)))
