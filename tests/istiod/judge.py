"""Judges the product by istiod (make judge).

Call it with `python -m tests.istiod.judge --seed 1 --meshes 600`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter

from tests.clusters.bundles import dump_yaml
from tests.istiod.asking import Json, build
from tests.istiod.judgement import Judged, JudgedMesh, Judgement, judged
from tests.istiod.meshes.draft import REVISION
from tests.istiod.meshes.existing import existing
from tests.istiod.meshes.generator import mesh, meshes
from tests.istiod.router import RoutedProduct
from tests.istiod.tally import Tally
from tests.istiod.walker.outcome import Answer

DIFFERENCES = Path("build/judge")


def main() -> int:
    """Judge, print the table, and write each differing mesh as a YAML file."""
    parser = argparse.ArgumentParser(prog="make judge")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--meshes", type=int, default=200)
    parser.add_argument("--only", type=int, help="one mesh of the seed, with the route of every request")
    parser.add_argument("--tests", action="store_true", help="the meshes of the other tests instead")
    parser.add_argument("--differences", type=Path, default=DIFFERENCES)
    parser.add_argument("--at-least", type=float, default=0, help="fail below this percentage of equal outcomes")
    parser.add_argument("--program", type=Path, help="the program, built against another version of istiod")
    parser.add_argument("--revision", default=REVISION, help="the revision of the meshes")
    options = parser.parse_args()
    if options.program is None:
        build()
    if options.only is not None:
        return _one(mesh(options.seed, options.only))
    generated = existing() if options.tests else meshes(options.seed, options.meshes)
    tally = _judge(judged(generated, RoutedProduct, options.program, options.revision), options.differences)
    return int(tally.all.percent(tally.all.outcomes) < options.at_least)


def _judge(found: Iterable[Judged], folder: Path) -> Tally:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tally, began = Tally(), perf_counter()
    for each in found:
        tally.add(each)
        write_differences(each, folder)
        if tally.meshes % 50 == 0:
            print(
                f"{tally.meshes} meshes, {tally.all.requests} requests, {perf_counter() - began:.0f} s", file=sys.stderr
            )
    print("\n".join(tally.lines()))
    print(f"{tally.all.requests} requests in {perf_counter() - began:.0f} s; differing meshes are in {folder}/")
    return tally


def _one(generated: JudgedMesh) -> int:
    [found] = judged([generated], RoutedProduct)
    print(dump_yaml(described(found, found.judgements)))
    return 0


def write_differences(found: Judged, folder: Path) -> None:
    """A file with the mesh and the requests that differ; none if there are none."""
    differing = [each for each in found.judgements if not each.unjudged and not each.same_outcome]
    if differing:
        name = (found.mesh.fields or ("canonical",))[0].replace("/", "-").replace(" ", "-")
        path = folder / f"{found.mesh.identity}-{found.mesh.kind}-{name}.yaml"
        path.write_text(dump_yaml(described(found, differing)), encoding="utf-8")


def described(found: Judged, judgements: Iterable[Judgement]) -> Json:
    """A mesh and some of its requests, for people and for `compose`."""
    return {
        "mesh": found.mesh.identity,
        "canonical": found.mesh.kind,
        "changed": list(found.mesh.fields),
        "refused": [f"{each['kind']} {each['namespace']}/{each['name']}: {each['message']}" for each in found.refused],
        "requests": [_request(each) for each in judgements],
        "patch": found.mesh.patch,
    }


def _request(judgement: Judgement) -> Json:
    question = judgement.question
    headers = {"headers": dict(question.headers)} if question.headers else {}
    return {
        "request": f"{question.method} {question.url}",
        **headers,
        "from": question.client,
        "istiod": _outcome(judgement.expected),
        "product": f"{judgement.resolved.outcome}: {judgement.resolved.answer}",
    }


def _outcome(answer: Answer) -> Json:
    shares = [
        {"weight": round(share.weight, 1), "answer": share.answer, "detail": share.detail, "walk": list(share.walk)}
        for share in answer.shares
    ]
    return {"outcome": answer.outcome, "shares": shares[:2]}


if __name__ == "__main__":
    sys.exit(main())
