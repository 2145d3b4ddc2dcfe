"""The open corpus: incidents as bundles with answers (docs/corpus.md)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clusters.bundles import read_yaml

OPEN = Path(__file__).parents[1] / "incidents" / "open"
KINDS = (
    *("single", "double", "healthy", "unreadable", "starting", "noisy"),
    *("istio", "gateway-api", "tcp", "azure", "static-egress", "report"),
)
_KEYS = {
    *(
        "title",
        "story",
        "kinds",
        "source",
        "gateway",
        "host",
        "from",
        "verdict",
        "causes",
        "fix",
        "harmful",
        "accepted",
    ),
    *("must_not", "note"),
}


@dataclass(frozen=True, slots=True)
class Cause:
    """One root cause: the checks that name it, any of which is right, and the objects at fault."""

    slugs: tuple[str, ...]
    objects: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A fix of an incident: a right step matches one of the patterns."""

    what: str
    patterns: tuple[str, ...]

    def matches(self, text: str) -> bool:
        return any(re.search(each, text, re.IGNORECASE) for each in self.patterns)


@dataclass(frozen=True, slots=True)
class Answer:
    """A right answer to an incident."""

    name: str
    title: str
    kinds: tuple[str, ...]
    source: str
    gateway: str
    host: str | None
    client: str | None
    verdicts: tuple[str, ...]
    causes: tuple[Cause, ...]
    fixes: tuple[Fix, ...]
    harmful: tuple[str, ...]
    accepted: frozenset[str]
    must_not: frozenset[str]
    blind: bool
    """Whether the answer was written before any tool was asked."""
    folder: Path

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle.tar.gz"

    def accepts(self, slugs: Sequence[str]) -> bool:
        """Whether a statement is neither right nor a false alarm."""
        wanted = set(slugs) - self.must_not
        return bool(wanted) and ("*" in self.accepted or bool(wanted & self.accepted))

    def cause_of(self, slugs: Sequence[str], objects: Sequence[str]) -> Cause | None:
        """The cause that a statement names: by a slug, otherwise by an object at fault."""
        by_slug = (each for each in self.causes if set(slugs) & set(each.slugs))
        by_object = (each for each in self.causes if set(objects) & set(each.objects))
        return next(by_slug, None) or next(by_object, None)


def answers(folder: Path = OPEN) -> Iterator[Answer]:
    """The incidents of the corpus, by name. Raises ValueError for an unknown key or kind."""
    for path in sorted(folder.glob("*/answer.yaml")):
        yield read_answer(path)


def read_answer(path: Path) -> Answer:
    """One answer. Raises ValueError for an unknown key or kind."""
    raw = read_yaml(path)
    if unknown := (set(raw) - _KEYS) | (set(raw["kinds"]) - set(KINDS)):
        raise ValueError(f"{path}: unknown {sorted(unknown)}")
    verdict = raw["verdict"]
    source = raw.get("source") or ""
    return Answer(
        name=path.parent.name,
        title=raw["title"],
        kinds=(*raw["kinds"], *(["report"] if source else [])),
        source=source,
        gateway=raw["gateway"],
        host=raw.get("host"),
        client=raw.get("from"),
        verdicts=tuple(verdict if isinstance(verdict, list) else [verdict]),
        causes=tuple(map(_cause, raw.get("causes") or ())),
        fixes=tuple(Fix(each.get("what", ""), tuple(each["patterns"])) for each in raw.get("fix") or ()),
        harmful=tuple(raw.get("harmful") or ()),
        accepted=frozenset(raw.get("accepted") or ()),
        must_not=frozenset(raw.get("must_not") or ()),
        blind=path.parent.name.startswith("blind-"),
        folder=path.parent,
    )


def _cause(raw: Mapping[str, Any]) -> Cause:
    slugs = (str(raw["slug"]), *map(str, raw.get("alternatives") or ()))
    return Cause(slugs, tuple(map(str, raw.get("objects") or ())), str(raw.get("why", "")))
