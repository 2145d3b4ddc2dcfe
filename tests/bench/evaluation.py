"""The time of all checks over gathered facts, of a big bundle, and of `--help`.

The facts are those of one gateway, and of 500 gateways with 3,000 Istio objects.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic, perf_counter, process_time

from checks.catalogue import catalogue
from checks.engine.diagnosis import needed
from checks.engine.readings import record
from checks.engine.sweep import evaluate_each
from checks.facts.egress_gateway import EgressGateway, all_from_profile
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.store import FactStore
from checks.model.question import ClusterIdentity
from checks.sources.gathering import gather
from checks.sources.recorded import RecordedSource
from tests.bench.fleet import big_cluster
from tests.bench.measure import Sample, shown, table, timed
from tests.clusters.bundles import write_bundle
from tests.clusters.compose import Cluster, named
from tests.recordings import recording


def gathered(cluster: Cluster) -> FactStore:
    """All facts of the cluster, for every gateway of its profile."""
    source = RecordedSource(recording(cluster))
    store = FactStore(source.now())
    for reading in gather(source, needed(catalogue()), store, monotonic() + 600):
        record(store, reading)
        if not store.targets and (found := store.known(ManagedCluster)):
            store.targets = all_from_profile(found[0])
    return store


def evaluate_all(store: FactStore, targets: tuple[EgressGateway, ...]) -> int:
    """Every check for every gateway, as in a fleet check; gives the number of findings."""
    return sum(len(each.findings) for each in evaluate_each(store, ClusterIdentity("bench"), catalogue(), targets))


def measure() -> str:
    """The section of docs/benchmarks.md."""
    rows: list[tuple[object, ...]] = []
    base = gathered(named("base"))
    one = timed(lambda: evaluate_all(base, base.targets), 20, 2, process_time)
    cold = Sample(tuple(_evaluated(base) for _ in range(10)))
    rows.append(("1 (the base cluster), indexes built", "–", one, shown(one.median)))
    rows.append(("1 (the base cluster), without indexes", "–", cold, shown(cold.median)))
    for gateways, objects in ((50, 300), (100, 600), (250, 1500), (500, 3000)):
        store = gathered(big_cluster(gateways, objects))
        sample = every_check(store, 5)
        rows.append((gateways, objects, sample, shown(sample.median / gateways)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return "\n".join(
        [
            "## Evaluation of all checks over gathered facts, CPU time",
            "",
            table(("gateways", "Istio objects", "median (range)", "per gateway"), rows),
            "",
            f"Peak memory of the process that held all of these facts at the same time: {peak:.0f} MiB.",
            "",
            *_bundle(),
            "",
            *_help(),
        ]
    )


def every_check(store: FactStore, runs: int) -> Sample:
    """The CPU time of every check for every gateway, with new indexes for each run."""
    return Sample(tuple(_evaluated(store) for _ in range(runs)))


def fresh(store: FactStore) -> FactStore:
    """The same facts without indexes and derived values, as they were gathered."""
    copied = FactStore(store.now)
    copied.__dict__.update(
        {
            **store.__dict__,
            **{name: {} for name in ("_known", "_indexes", "_by_key", "_by_namespace", "memos")},
            "of_run": [],
            "other_facts": [],
        }
    )
    for each in (fact for found in store.__dict__["_facts"].values() for fact in found):
        each.__dict__.clear()
    return copied


def _evaluated(store: FactStore) -> float:
    copy = fresh(store)
    began = process_time()
    evaluate_all(copy, store.targets)
    return process_time() - began


def _bundle() -> list[str]:
    cluster = big_cluster(1, 1000, pods=2000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle"
        write_bundle(cluster, path)
        words = [
            sys.executable,
            "-m",
            "checks.cli.main",
            "diagnose",
            "x",
            "egw-0",
            "--bundle",
            str(path),
            "--output",
            "json",
        ]
        seconds, peaks = [], []
        for _ in range(5):
            began = perf_counter()
            subprocess.run(
                ["/usr/bin/time", "-f", "%M", "-o", f"{folder}/peak", *words], capture_output=True, check=False
            )
            seconds.append(perf_counter() - began)
            peaks.append(int(Path(folder, "peak").read_text().split()[-1]) / 1024)
    return [
        "## A bundle of 2,000 pods and 1,000 Istio objects, including process start",
        "",
        f"`egress-diag diagnose --bundle`: {Sample(tuple(seconds))}, peak {max(peaks):.0f} MiB.",
    ]


def _help() -> list[str]:
    words = [sys.executable, "-m", "checks.cli.main", "--help"]
    sample = timed(lambda: subprocess.run(words, capture_output=True, check=True), 10)
    return ["## The command line", "", f"`egress-diag --help`: {sample}."]
