"""Recorded meshes.

Some have the configuration that istiod pushes; others have only the answers that follow from it.

`python -m tests.istiod.recorded.record` (make judge-record) records them with istiod's own code; reading needs no Go.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from tests.clusters.compose import Cluster as Objects
from tests.clusters.compose import compose
from tests.istiod.asking import Json
from tests.istiod.meshes.draft import healthy
from tests.istiod.question import Cluster, Question
from tests.istiod.walker.outcome import Answer

CONFIGURATIONS = Path(__file__).with_name("configurations.jsonl.xz")
CASES = Path(__file__).with_name("cases.jsonl.xz")
ANSWERS = Path(__file__).with_name("answers.jsonl")
GATEWAY_API = Path(__file__).with_name("gateway_api.jsonl.xz")
BY_HAND = Path(__file__).with_name("by_hand.jsonl")


@dataclass(frozen=True, slots=True)
class Configured:
    """A mesh with the configuration that istiod pushes to its proxies."""

    identity: str
    kind: str
    fields: tuple[str, ...]
    objects: tuple[Json, ...]
    questions: tuple[Question, ...]
    pushed: Json
    expected: tuple[Json, ...]

    @property
    def cluster(self) -> Cluster:
        """The mesh with its questions."""
        return Cluster(self.identity, self.objects, self.questions)


@dataclass(frozen=True, slots=True)
class Answered:
    """A mesh as the difference from the healthy cluster, with the answers to some requests."""

    identity: str
    kind: str
    fields: tuple[str, ...]
    patch: Json
    questions: tuple[Question, ...]
    expected: tuple[Json, ...]

    @property
    def objects(self) -> Objects:
        """The whole cluster."""
        return compose(healthy(), self.patch)


def expectation(answer: Answer) -> Json:
    """The parts of an answer that are held: the outcome, and how each share ends."""
    ends: dict[str, float] = {}
    for share in answer.shares:
        end = " ".join(part for part in (str(share.status or ""), share.code, share.flag, share.destination) if part)
        ends[end] = round(ends.get(end, 0) + share.weight, 1)
    return {"outcome": answer.outcome, "status": answer.status, "ends": ends}


def configured() -> Iterator[Configured]:
    """The generated meshes whose Envoy configuration is recorded."""
    return _read(CONFIGURATIONS)


def cases() -> Iterator[Configured]:
    """Given meshes with given outcomes: minimal ones in which a product and istiod differed."""
    return _read(CASES)


def _read(path: Path) -> Iterator[Configured]:
    with lzma.open(path) as lines:
        for line in lines:
            found = orjson.loads(line)
            yield Configured(
                found["mesh"],
                found["canonical"],
                tuple(found["changed"]),
                tuple(found["objects"]),
                _questions(found["requests"]),
                found["pushed"],
                tuple(each["expected"] for each in found["requests"]),
            )


def answered() -> Iterator[Answered]:
    """The meshes whose answers are recorded."""
    return _answered(ANSWERS.read_bytes())


def answered_gateway_api() -> Iterator[Answered]:
    """More meshes of the Gateway API whose answers are recorded."""
    with lzma.open(GATEWAY_API) as packed:
        yield from _answered(packed.read())


def answered_by_hand() -> Iterator[Answered]:
    """The meshes written by hand, with istiod's answers to all their requests."""
    return _answered(BY_HAND.read_bytes())


def _answered(lines: bytes) -> Iterator[Answered]:
    for line in lines.splitlines():
        found = orjson.loads(line)
        yield Answered(
            found["mesh"],
            found["canonical"],
            tuple(found["changed"]),
            found["patch"],
            _questions(found["requests"]),
            tuple(each["expected"] for each in found["requests"]),
        )


def _questions(requests: Sequence[Json]) -> tuple[Question, ...]:
    return tuple(
        Question(**{**each["question"], "headers": tuple(tuple(pair) for pair in each["question"].get("headers", ()))})
        for each in requests
    )
