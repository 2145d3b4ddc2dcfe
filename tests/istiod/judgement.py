"""Requests judged: what follows from istiod's configuration against what the product says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tests.clusters.compose import Cluster as Objects
from tests.istiod.asking import Json, Program
from tests.istiod.meshes.draft import REVISION, at_revision
from tests.istiod.meshes.existing import Existing
from tests.istiod.meshes.generator import Generated
from tests.istiod.product import Resolved
from tests.istiod.question import Cluster, Question
from tests.istiod.walker.outcome import Answer

JudgedMesh = Generated | Existing

_AHEAD = 3  # meshes that istiod's code may be ahead of the walker


@dataclass(frozen=True, slots=True)
class Judgement:
    """One request, with both outcomes."""

    question: Question
    expected: Answer
    resolved: Resolved
    depends_on_dns: bool = False
    """Whether the outcome depends on an address that is in no object.

    The right answer is then that it is not known.
    """

    @property
    def unjudged(self) -> bool:
        """Whether the walker does not follow the configuration."""
        return self.expected.outcome == "unknown"

    @property
    def undecided(self) -> bool:
        """Whether the product has no outcome."""
        return self.resolved.outcome == "unknown"

    @property
    def same_outcome(self) -> bool:
        """Whether the outcomes agree."""
        return self.resolved.outcome == ("unknown" if self.depends_on_dns else self.expected.outcome)

    @property
    def same_answer(self) -> bool:
        """Whether the application gets the same answer.

        The outcomes agree, and for failures the HTTP status does too.
        """
        judged = self.expected.outcome == "fails" and not self.depends_on_dns
        return self.same_outcome and (not judged or self.expected.status == self.resolved.status)


@dataclass(frozen=True, slots=True)
class Judged:
    """A mesh with the judgement of each request.

    `problem` is set if istiod's code could not be called for it.
    """

    mesh: JudgedMesh
    judgements: tuple[Judgement, ...]
    refused: tuple[Json, ...] = ()  # objects that the validating webhook refuses: no cluster has them
    problem: str = ""


class Answering(Protocol):
    """A product over one cluster that answers requests."""

    def resolve(self, question: Question) -> Resolved:
        """The outcome of one request."""


Make = Callable[[Objects, str], Answering]
"""Makes the product of a cluster's objects and a gateway (`namespace/name`)."""


def judged(
    meshes: Iterable[JudgedMesh], make: Make, built: Path | None = None, revision: str = REVISION
) -> Iterator[Judged]:
    """Each mesh judged, in order; istiod's code works on the next meshes meanwhile."""
    program = Program(built)
    ahead: list[tuple[JudgedMesh, Objects, Cluster, Future[Json]]] = []
    with ThreadPoolExecutor(1) as pool:
        for mesh in meshes:
            objects = mesh.cluster if revision == REVISION else at_revision(mesh.cluster, REVISION, revision)
            cluster = Cluster(mesh.identity, objects.objects, mesh.questions)
            ahead.append((mesh, objects, cluster, pool.submit(program.ask, cluster.request())))
            if len(ahead) > _AHEAD:
                yield _judged(*ahead.pop(0), make)
        for each in ahead:
            yield _judged(*each, make)
    program.close()


def _judged(mesh: JudgedMesh, objects: Objects, cluster: Cluster, pending: Future[Json], make: Make) -> Judged:
    pushed = pending.result()
    problem = pushed.get("error") or "; ".join(pushed["unread"] or ())
    if problem:
        return Judged(mesh, (), problem=problem)
    refused = tuple(pushed["invalid"] or ())
    product = make(_without(objects, refused), mesh.questions[0].gateway)
    walked = cluster.mesh(pushed)
    judgements = [
        Judgement(each, answer, product.resolve(each), cluster.depends_on_dns(each, answer, walked))
        for each, answer in zip(mesh.questions, cluster.answers(pushed), strict=True)
    ]
    return Judged(mesh, tuple(judgements), refused)


def _without(objects: Objects, refused: Iterable[Json]) -> Objects:
    names = {(each["kind"], each["namespace"], each["name"]) for each in refused}
    kept = tuple(
        each
        for each in objects.objects
        if (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]) not in names
    )
    return replace(objects, objects=kept)
