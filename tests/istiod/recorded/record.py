"""Records the configuration of some meshes and the walker's answers (make judge-record).

With --cases FOLDER, the meshes in the folder are recorded too (bundle.tar.gz, and istiod.yaml with the question and the
outcome).
"""

from __future__ import annotations

import argparse
import lzma
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import orjson
import yaml

from tests.clusters.bundles import read_bundle
from tests.istiod.asking import Json, Program, build
from tests.istiod.meshes.by_hand import by_hand
from tests.istiod.meshes.canonical import KINDS
from tests.istiod.meshes.generator import Generated, mesh, meshes_of
from tests.istiod.question import Cluster, Question
from tests.istiod.recorded import ANSWERS, BY_HAND, CASES, CONFIGURATIONS, GATEWAY_API, expectation
from tests.istiod.walker.outcome import Answer

_SEED = 20261129
_CONFIGURED = 64  # meshes whose Envoy configuration is recorded
_ANSWERED = 140  # meshes whose answers are recorded
_FEW = 4  # requests of each of these
_GATEWAY_API = 120  # more meshes of the Gateway API whose answers are recorded

_Answered = tuple[Generated, Json, Json, Sequence[Answer]]


def record() -> None:
    """Ask istiod's own code about the meshes and write both files."""
    build()
    program = Program()
    numbers = [*range(len(KINDS)), *range(len(KINDS), len(KINDS) + 3 * _ANSWERED)]
    meshes = (mesh(_SEED, number) for number in numbers)
    answered = ((each, *_answered(program, each)) for each in meshes)
    usable = list(_usable(answered, _CONFIGURED + _ANSWERED))
    with lzma.open(CONFIGURATIONS, "wb", preset=9 | lzma.PRESET_EXTREME) as file:
        for generated, wanted, pushed, answers in usable[:_CONFIGURED]:
            more = {"objects": wanted["objects"], "pushed": {**pushed, "seconds": 0}}
            file.write(_line(generated, answers, len(answers), more))
    with ANSWERS.open("wb") as file:
        for generated, _, _, answers in usable[_CONFIGURED:]:
            file.write(_line(generated, answers, _FEW, {"patch": generated.patch}))
    program.close()


def record_gateway_api() -> None:
    """Record the answers about more meshes of the Gateway API."""
    build()
    program = Program()
    meshes = meshes_of("gateway-api", _SEED, 2 * _GATEWAY_API)
    answered = ((each, *_answered(program, each)) for each in meshes)
    with lzma.open(GATEWAY_API, "wb", preset=9 | lzma.PRESET_EXTREME) as file:
        for generated, _, _, answers in _usable(answered, _GATEWAY_API):
            file.write(_line(generated, answers, 2 * _FEW, {"patch": generated.patch}))
    program.close()


def record_by_hand() -> None:
    """Record the answers about the meshes written by hand.

    Raises ValueError for one that istiod cannot judge.
    """
    build()
    program = Program()
    with BY_HAND.open("wb") as file:
        for each in by_hand():
            wanted, pushed, answers = _answered(program, each)
            if not _is_usable((each, wanted, pushed, answers)):
                raise ValueError(f"{each.identity}: {pushed.get('error') or pushed['unread'] or pushed['invalid']}")
            file.write(_line(each, answers, len(answers), {"patch": each.patch}))
    program.close()


def _answered(program: Program, generated: Generated) -> tuple[Json, Json, Sequence[Answer]]:
    cluster = Cluster(generated.identity, generated.cluster.objects, generated.questions)
    wanted = cluster.request()
    pushed = program.ask(wanted)
    return wanted, pushed, [] if pushed.get("error") else cluster.answers(pushed)


def _usable(answered: Iterable[_Answered], count: int) -> Iterator[_Answered]:
    """Meshes whose objects the webhook accepts and whose requests the walker follows."""
    for number, each in enumerate(each for each in answered if _is_usable(each)):
        if number == count:
            return
        yield each


def _is_usable(answered: _Answered) -> bool:
    _, _, pushed, answers = answered
    clean = not pushed.get("error") and not pushed["unread"] and not pushed["invalid"]
    return clean and all(answer.outcome != "unknown" for answer in answers)


def _line(generated: Generated, answers: Sequence[Answer], count: int, more: Json) -> bytes:
    pairs = list(zip(generated.questions, answers, strict=True))[:count]
    requests = [{"question": _written(question), "expected": expectation(answer)} for question, answer in pairs]
    found = {
        "mesh": generated.identity,
        "canonical": generated.kind,
        "changed": generated.fields,
        "requests": requests,
        **more,
    }
    return orjson.dumps(found, option=orjson.OPT_SORT_KEYS) + b"\n"


def _written(question: Question) -> Json:
    defaults = {"path": "/", "method": "GET", "headers": ()}
    return {key: value for key, value in asdict(question).items() if defaults.get(key) != value}


def record_cases(folder: Path) -> None:
    """Record the configuration of the given meshes with their given outcome."""
    program = Program()
    with lzma.open(CASES, "wb", preset=9 | lzma.PRESET_EXTREME) as file:
        for each in sorted(folder.iterdir()):
            given = yaml.safe_load((each / "istiod.yaml").read_text())
            cluster = Cluster(each.name, _objects(each / "bundle.tar.gz"), [_given(given)])
            wanted = cluster.request()
            found = {
                "mesh": each.name,
                "canonical": "",
                "changed": [],
                "requests": [{"question": _written(_given(given)), "expected": {"outcome": given["istiod"]}}],
                "objects": wanted["objects"],
                "pushed": {**program.ask(wanted), "seconds": 0},
            }
            file.write(orjson.dumps(found, option=orjson.OPT_SORT_KEYS) + b"\n")
    program.close()


def _objects(bundle: Path) -> Sequence[Json]:
    with tempfile.TemporaryDirectory() as folder, tarfile.open(bundle) as packed:
        packed.extractall(folder, filter="data")
        return read_bundle(Path(folder)).objects


def _given(given: Json) -> Question:
    host, _, port = given["host"].partition(":")
    return Question(
        given["gateway"], host, given["scheme"], given["from"], given["port"] or (int(port) if port else None)
    )


def main() -> None:
    """Record."""
    parser = argparse.ArgumentParser(prog="make judge-record")
    parser.add_argument("--cases", type=Path)
    parser.add_argument("--gateway-api", action="store_true", help="only the answers about the Gateway API")
    parser.add_argument("--by-hand", action="store_true", help="only the answers about the meshes written by hand")
    options = parser.parse_args()
    record_by_hand()
    if options.by_hand:
        return
    if not options.gateway_api:
        record()
    record_gateway_api()
    if options.cases:
        record_cases(options.cases)


if __name__ == "__main__":
    main()
