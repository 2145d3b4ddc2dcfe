"""Doctor's parts `configuration` and `clusters`, for the processes that run diagnoses."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from checks.config.configuration import ClusterConfig, Config
from checks.config.configuration_file import ConfigError, NoConfiguration, load
from checks.config.settings import PodSettings, Settings
from checks.doctor.azure import azure_lines
from checks.doctor.counters import counters_lines
from checks.doctor.kube_context import context_lines, source_failure
from checks.doctor.kubernetes import kubernetes_lines
from checks.doctor.own_traffic import own_traffic_lines
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions, State
from checks.doctor.requirements import ACCESS_RULES, AZURE_CREDENTIAL, NAMES_CLUSTERS, READABLE, REQUIREMENTS, SOURCE
from checks.sources.bundle import BundleError
from checks.sources.live import LiveSource, open_source
from checks.sources.source import SourceError

__all__ = ["REQUIREMENTS", "clusters", "configuration"]

_SECONDS = 40.0
"""The time limit for one cluster."""
_CREATE = "Create the file, or name it with --config or EGRESS_DIAG_CONFIG."


def configuration(options: DoctorOptions) -> Iterator[DoctorLine]:
    """The configuration file: it can be read, names clusters and has access rules.

    Nothing at a terminal without one.
    """
    if options.terminal:
        return
    try:
        config = _configured(options)
    except NoConfiguration as failed:
        yield READABLE.failed(str(failed), fix=_CREATE)
        return
    except ConfigError as failed:
        yield from (READABLE.failed(line) for line in str(failed).splitlines())
        return
    yield READABLE.passed("all keys are known and have the right type")
    if config.clusters:
        yield NAMES_CLUSTERS.passed(", ".join(cluster.name for cluster in config.clusters))
    else:
        yield NAMES_CLUSTERS.failed("it names no cluster")
    if config.access:
        yield ACCESS_RULES.passed(f"{len(config.access)} {'rule' if len(config.access) == 1 else 'rules'}")
    else:
        yield ACCESS_RULES.failed("there is no rule under access: no user has any permission in Slack")


def clusters(options: DoctorOptions, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[DoctorLine]:
    """Every configured cluster, or that of the kube context; `clock` returns the current time."""
    if options.terminal:
        yield from context_lines(options, clock)
        return
    try:
        config = _configured(options)
    except ConfigError:
        yield SOURCE.not_checked("the configuration cannot be read")
        return
    if not config.clusters:
        yield SOURCE.not_checked("no cluster is configured")
    own_pod = PodSettings()
    for entry in config.clusters:
        yield from _cluster(entry, options, clock, own_pod)


def _cluster(
    entry: ClusterConfig, options: DoctorOptions, clock: Callable[[], datetime], own_pod: PodSettings
) -> Iterator[DoctorLine]:
    try:
        source = open_source(entry, options.namespace)
    except (BundleError, SourceError) as failed:
        yield source_failure(failed, entry.name)
        return
    if not isinstance(source, LiveSource):
        yield SOURCE.passed("a bundle", entry.name)
        return
    yield SOURCE.passed("a live cluster", entry.name)
    deadline = monotonic() + _SECONDS
    signed_in = True
    if source.account is not None:
        of_azure = list(azure_lines(entry, source, options, clock, deadline))
        yield from of_azure
        signed_in = not any(
            each.requirement is AZURE_CREDENTIAL and each.state is not State.PASSED for each in of_azure
        )
    yield from kubernetes_lines(entry, source, options, clock, deadline, signed_in=signed_in)
    yield own_traffic_lines(entry, source, own_pod, deadline)
    yield from counters_lines(entry, source, deadline)


def _configured(options: DoctorOptions) -> Config:
    return load(Path(options.config) if options.config else None, Settings().config)
