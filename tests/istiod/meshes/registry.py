"""Meshes written by hand: a canonical configuration, a change of it, and requests."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from tests.istiod.meshes.canonical import canonical
from tests.istiod.meshes.draft import GATEWAY, NAMESPACE, Draft
from tests.istiod.meshes.generator import Generated
from tests.istiod.question import Question

Change = Callable[[Draft], None]


class Registry:
    """The meshes of one file, in its order."""

    def __init__(self) -> None:
        self._meshes: dict[str, tuple[str, Change, tuple[Question, ...]]] = {}

    def mesh(self, kind: str, *questions: Question) -> Callable[[Change], Change]:
        """Registers a mesh by the name of the function that changes the canonical one."""

        def register(change: Change) -> Change:
            self._meshes[change.__name__.strip("_").replace("_", "-")] = (kind, change, questions)
            return change

        return register

    def generated(self) -> Iterator[Generated]:
        """Every mesh of the file."""
        for name, (kind, change, questions) in self._meshes.items():
            draft = canonical(kind, random.Random(name))
            change(draft)
            yield Generated(name, kind, ("by hand",), draft.patch(), questions)


def ask(host: str, scheme: str = "http", client: str = "team-a/web", port: int | None = None) -> Question:
    """A request to the gateway's host from a client."""
    return Question(f"{NAMESPACE}/{GATEWAY}", host, scheme, client, port)
