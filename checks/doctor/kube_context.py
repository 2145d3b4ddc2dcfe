"""Doctor at a terminal: the cluster of the kube context, without a configuration."""

from collections.abc import Callable, Iterator
from datetime import datetime
from time import monotonic

from checks.config.settings import KubectlSettings
from checks.doctor.azure import azure_lines, cluster_not_read
from checks.doctor.kubernetes import kubernetes_lines
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions, State
from checks.doctor.requirements import AZURE_CLUSTER, REACHABLE, SOURCE
from checks.knowledge.failed_reads import UNIDENTIFIED
from checks.sources.bundle import BundleError
from checks.sources.current_cluster import CurrentCluster, KubectlOptions, current_cluster
from checks.sources.kubeconfig import DEFAULT_KUBECONFIG, kubeconfig_files
from checks.sources.replies import Failure
from checks.sources.source import SourceError

_SECONDS = 40.0
"""The time limit for one cluster."""
_GET_CREDENTIALS = (
    "Create it: az aks get-credentials --resource-group GROUP --name CLUSTER. Or name another kubeconfig with --kubeconfig, "
    "or a configuration with --config."
)
_NAME_CLUSTER = (
    "Give the commands --managed-cluster and --agent-pools, the output of az aks show and az aks nodepool list, or name the "
    "cluster in a configuration."
)


def source_failure(failed: BundleError | SourceError, subject: str) -> DoctorLine:
    """The line for a cluster that cannot be opened."""
    return SOURCE.failed(str(failed), subject, failed.fix if isinstance(failed, SourceError) else "")


def context_lines(options: DoctorOptions, clock: Callable[[], datetime]) -> Iterator[DoctorLine]:
    """The lines for the kube context: credentials, API server, permissions, and Azure."""
    kubeconfig = options.kubeconfig or KubectlSettings().kubeconfig or DEFAULT_KUBECONFIG
    if not any(each.exists() for each in kubeconfig_files(kubeconfig)):
        missing = f"there is no configuration, and the kubeconfig {kubeconfig} does not exist"
        yield SOURCE.failed(missing, fix=_GET_CREDENTIALS)
        return
    try:
        found = current_cluster(KubectlOptions(kubeconfig, options.context, options.azure), _SECONDS)
    except SourceError as failed:
        yield source_failure(failed, options.context or "")
        return
    source = found.source.with_namespaces(options.namespace)
    yield SOURCE.passed(f"context {found.entry.name} of {kubeconfig}", found.entry.name)
    deadline = monotonic() + _SECONDS
    lines = list(kubernetes_lines(found.entry, source, options, clock, deadline))
    yield from lines
    if found.source.account is not None:
        yield from azure_lines(found.entry, found.source, options, clock, deadline)
    elif found.unidentified is not None:
        answered = (State.PASSED, State.WARNED)
        reachable = any(each.requirement is REACHABLE and each.state in answered for each in lines)
        yield _unidentified(found, found.unidentified, options, reachable=reachable)


def _unidentified(found: CurrentCluster, failure: Failure, options: DoctorOptions, *, reachable: bool) -> DoctorLine:
    """The line for a managed cluster that was not found.

    A failed connection to the API server has a line of its own.
    """
    name = found.entry.name
    if not failure.message.startswith(UNIDENTIFIED):
        return cluster_not_read(found.entry, failure, options)
    if not reachable:
        return AZURE_CLUSTER.not_checked("the nodes, which name the managed cluster, were not read", name)
    return AZURE_CLUSTER.failed(failure.message, name, _NAME_CLUSTER)
