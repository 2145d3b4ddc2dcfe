"""A bundle of 3,000 objects: diagnosis, proposed change, istioctl's analyzers."""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import orjson

from checks.catalogue import catalogue
from checks.model.question import ClusterIdentity, Question
from checks.sources.bundle import read_bundle
from checks.sources.recorded import RecordedSource
from checks.sources.run import run
from tests.accuracy.istioctl import PROGRAM, manifests_request
from tests.bench.fleet import big_cluster
from tests.bench.measure import Sample, table
from tests.clusters.bundles import Cluster, dump_yaml, write_bundle
from tests.istiod.go_program import LineProcess

RUNS = 5
GATEWAY = "team-0/egw-0"


@dataclass(frozen=True)
class Timed:
    """The time and the CPU time of the same runs."""

    wall: Sample
    cpu: Sample


def measure() -> str:
    """The section of docs/benchmarks.md."""
    cluster = big_cluster(1, 1000, pods=2000)
    wanted = manifests_request("bench", cluster.objects)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle, change = folder / "bundle", folder / "change.yaml"
        write_bundle(cluster, bundle)
        change.write_text(dump_yaml(_change(cluster)), encoding="utf-8")
        words = [
            sys.executable,
            "-m",
            "checks.cli.main",
            "diagnose",
            "x",
            GATEWAY,
            "--bundle",
            str(bundle),
            "--output",
            "json",
        ]
        commands = {
            "`egress-diag diagnose`, whole process": (words, b""),
            "istioctl's analyzers, whole process": ([str(PROGRAM.build())], orjson.dumps(wanted) + b"\n"),
            "`egress-diag diagnose --with` a changed VirtualService, whole process": (
                [*words, "--with", str(change)],
                b"",
            ),
        }
        found = _processes(commands)
        found["`egress-diag diagnose` in a running process"] = _repeated(lambda: _diagnosed(bundle), process_time)
    process = LineProcess(PROGRAM.build())
    try:
        found["istioctl's analyzers in a running process"] = _repeated(
            lambda: process.ask(wanted), lambda: _cpu(process.pid)
        )
    finally:
        process.close()
    return "\n".join(
        [
            "## A bundle of 3,000 objects, beside istioctl's analyzers",
            "",
            (
                f"2,000 pods and 1,000 Istio objects, {RUNS} runs of each; whole processes ran in turns. istioctl is its own "
                "library in a Go program, which uses several cores and reads the objects as JSON from standard input. It also "
                "analyzes what is not about egress, and traces no route. egress-diag reads the bundle (YAML) from the disk."
            ),
            "",
            table(
                ("", "time, median (range)", "CPU time, median (range)"),
                ((name, e.wall, e.cpu) for name, e in found.items()),
            ),
        ]
    )


def _change(cluster: Cluster) -> dict[str, object]:
    """The VirtualService of the gateway with a narrower visibility, as in a repository."""
    found = next(
        each
        for each in cluster.objects
        if each["kind"] == "VirtualService" and each["metadata"]["namespace"] == "team-0"
    )
    metadata = {key: found["metadata"][key] for key in ("name", "namespace")}
    return {**found, "metadata": metadata, "spec": {**found["spec"], "exportTo": [".", "team-a"]}}


def _processes(commands: Mapping[str, tuple[list[str], bytes]]) -> dict[str, Timed]:
    """The times of whole processes, in turns; the first turn is not counted."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for turn in range(RUNS + 1):
        for name, (words, given) in commands.items():
            began, used = perf_counter(), _children()
            subprocess.run(words, input=given, capture_output=True, check=False)
            if turn:
                runs[name].append((perf_counter() - began, _children() - used))
    return {name: _timed(each) for name, each in runs.items()}


def _repeated(work: Callable[[], object], cpu: Callable[[], float]) -> Timed:
    work()
    runs = []
    for _ in range(RUNS):
        began, used = perf_counter(), cpu()
        work()
        runs.append((perf_counter() - began, cpu() - used))
    return _timed(runs)


def _timed(runs: list[tuple[float, float]]) -> Timed:
    return Timed(Sample(tuple(wall for wall, _ in runs)), Sample(tuple(cpu for _, cpu in runs)))


def _diagnosed(bundle: Path) -> None:
    question = Question(ClusterIdentity("x"), "egw-0", "team-0")
    for _ in run(RecordedSource(read_bundle(bundle)), question, catalogue(), 60):
        pass


def _children() -> float:
    """The CPU time of the processes that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu(pid: int) -> float:
    """The CPU time of a running process, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
