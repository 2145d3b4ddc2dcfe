"""Incidents: a cluster and the expected diagnosis in each file.

The files are `tests/incidents/<nnn-name>.yaml`; those of faults that people reported in public are in `reported/`.

.. code-block:: yaml

    title: one line
    story: what happened, in the words of the on-call engineer
    cluster: base                    # the cluster of tests/clusters that is patched; default: base
    parts: [waiting-pods]            # patches of tests/incidents/parts that are applied first, in this order
    patch: {change: […], …}          # the differences (tests/clusters/compose.py)
    expect:
      gateway: team-egress/egw       # the GATEWAY argument; host and from: the other options
      verdict: broken                # or a list of which any is right
      root_causes: […]               # exactly these, in any order, without those in may_fail
      failing: […]                   # these are `fail`
      may_fail: […]                  # these may be `fail` or not
      not_failing: '*'               # no other check is `fail`
      warning: […] or '*'            # exactly these are `warn` (without a finding that fails), or any
      may_warn: […]                  # these may be `warn` or not
      unknown: […] or '*'            # exactly these are `unknown`, or any
      may_unknown, includes_unknown, includes_skipped: […]
      headline: check                # the check of the report's headline: the first root cause or warning
      explained: {check: [causes]}   # explained_by has at least these
      first_change: words            # an expression that the first fix's title matches: the first step that is not only a look
      route: fails                   # the outcome of the route to the host
      changes: ["at | resource | what | who", …]   # the recent changes are exactly these, newest first
      ambiguous: [ns/name, …]        # the name matches these gateways; the diagnosis reports them
      why: [the reasoning]

The forbidden reads come from one table, `forbidden-reads.yaml`: each is a healthy cluster in which exactly that read is denied.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, reduce
from pathlib import Path
from typing import Any

from tests.clusters.bundles import read_yaml
from tests.clusters.compose import Cluster, compose, named

HERE = Path(__file__).parent
_KEYS = {"title", "story", "cluster", "parts", "patch", "expect"}
_EXPECT_KEYS = {
    *("gateway", "host", "from", "verdict", "root_causes", "failing", "may_fail", "not_failing", "warning", "may_warn"),
    *("unknown", "may_unknown", "includes_unknown", "includes_skipped", "explained", "changes", "ambiguous"),
    *("headline", "first_change", "route", "why"),
}
_SOURCES = {"managedClusters": "azure", "agentPools": "azure", "pods/log": "logs", "prometheus": "metrics"}


@dataclass(frozen=True)
class Incident:
    """One incident: a complete cluster and its expected diagnosis."""

    name: str
    title: str
    story: str
    expect: Mapping[str, Any]
    base: str
    patches: tuple[Mapping[str, Any], ...] = field(repr=False)

    @cached_property
    def cluster(self) -> Cluster:
        """The base cluster with the patches, composed on first use: most users need only names."""
        return reduce(compose, self.patches, named(self.base))

    @property
    def has_failed_reads(self) -> bool:
        """Whether a patch makes a read fail."""
        return any(patch.get("errors") for patch in self.patches)


@cache
def incidents() -> tuple[Incident, ...]:
    """All incidents, by name. Raises ValueError for an unknown key."""
    files = [_read(path) for path in sorted(HERE.glob("[0-9]*.yaml"))]
    return (*files, *_forbidden(read_yaml(HERE / "forbidden-reads.yaml")))


@cache
def reported() -> tuple[Incident, ...]:
    """Faults and configurations of public reports, by name.

    They are incidents of their own, and not part of the sets that fail every read of every incident.
    """
    return tuple(_read(path) for path in sorted((HERE / "reported").glob("*.yaml")))


@cache
def _part(name: str) -> Mapping[str, Any]:
    patch: Mapping[str, Any] = read_yaml(HERE / "parts" / f"{name}.yaml")
    return patch


def _read(path: Path) -> Incident:
    raw = read_yaml(path)
    _only(raw, _KEYS, path.name)
    _only(raw["expect"], _EXPECT_KEYS, path.name)
    patches = (*map(_part, raw.get("parts", ())), raw.get("patch") or {})
    return Incident(path.stem, raw["title"], raw["story"].strip(), raw["expect"], raw.get("cluster", "base"), patches)


def _forbidden(table: Mapping[str, Any]) -> Iterator[Incident]:
    for number, row in enumerate(table["reads"]):
        read = str(row["read"])
        source = _SOURCES.get(read, "azure" if read.startswith("/") else "kubernetes")
        error = {"source": source, "resource": read, "namespace": None, "status": 403, "message": table["message"]}
        yield Incident(
            name=f"{400 + number}-forbidden-{read.rpartition('/')[2] if read.startswith('/') else read.replace('/', '-')}",
            title=f"A healthy gateway, and {read} may not be read",
            story=f"Exactly one read is denied: {read}. No other read shows a problem with the gateway.",
            expect={
                "gateway": table["gateway"],
                "verdict": row["verdict"],
                "root_causes": [],
                "failing": [],
                "not_failing": "*",
                "warning": [],
                "unknown": "*",
                "includes_unknown": row.get("includes_unknown", []),
                "why": [row["why"]],
            },
            base=row.get("cluster", "base"),
            patches=({"errors": [error]},),
        )


def _only(raw: Mapping[str, Any], known: set[str], where: str) -> None:
    if extra := set(raw) - known:
        raise ValueError(f"{where}: unknown keys {sorted(extra)}")
