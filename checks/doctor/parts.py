"""The parts `configuration` and `clusters` of `egress-diag doctor`: tried where diagnoses run."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from checks.config.configuration import ClusterConfig, Config, ConfigError, load
from checks.config.settings import Settings, Whereabouts
from checks.doctor.azure import azure_lines
from checks.doctor.kubernetes import kubernetes_lines
from checks.doctor.own_traffic import own_traffic_lines
from checks.doctor.requirement_lines import Asked, Line
from checks.doctor.requirements import LETS_SOMEBODY_IN, NAMES_CLUSTERS, READABLE, REQUIREMENTS, SOURCE
from checks.sources.bundle import BundleError
from checks.sources.live import LiveSource, open_source
from checks.sources.source import SourceError

__all__ = ["REQUIREMENTS", "clusters", "configuration"]

SECONDS = 40.0
"""How long one cluster may take."""


def configuration(asked: Asked) -> Iterator[Line]:
    """The configuration file: readable, with clusters, and with somebody who may ask."""
    try:
        config = _configured(asked)
    except ConfigError as wrong:
        yield from (READABLE.wrong(line) for line in str(wrong).splitlines())
        return
    yield READABLE.well("every key is known and of its type")
    if config.clusters:
        yield NAMES_CLUSTERS.well(", ".join(cluster.name for cluster in config.clusters))
    else:
        yield NAMES_CLUSTERS.wrong("there is none")
    if config.access:
        yield LETS_SOMEBODY_IN.well(f"{len(config.access)} rules")
    else:
        yield LETS_SOMEBODY_IN.wrong("there is no rule under access, and without one nobody may do anything in Slack")


def clusters(asked: Asked, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[Line]:
    """Every configured cluster. `clock` is the present."""
    try:
        config = _configured(asked)
    except ConfigError:
        yield SOURCE.untried("the configuration cannot be read")
        return
    if not config.clusters:
        yield SOURCE.untried("no cluster is configured")
    here = Whereabouts()
    for entry in config.clusters:
        yield from _cluster(entry, asked, clock, here)


def _cluster(entry: ClusterConfig, asked: Asked, clock: Callable[[], datetime], here: Whereabouts) -> Iterator[Line]:
    try:
        source = open_source(entry)
    except (BundleError, SourceError) as wrong:
        yield SOURCE.wrong(str(wrong), entry.name)
        return
    if not isinstance(source, LiveSource):
        yield SOURCE.well("a bundle that can be replayed", entry.name)
        return
    yield SOURCE.well("a live cluster", entry.name)
    deadline = monotonic() + SECONDS
    if source.account is not None:
        yield from azure_lines(entry, source, asked, clock, deadline)
    lines = list(kubernetes_lines(entry, source, asked, clock, deadline))
    yield from lines
    yield own_traffic_lines(entry, source, here, deadline)


def _configured(asked: Asked) -> Config:
    return load(Path(asked.config) if asked.config else None, Settings().config)
