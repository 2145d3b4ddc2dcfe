"""The clusters and bundles that an agent may name."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from checks.cli.cluster_arguments import ClusterArguments, bundle_name, named_cluster, opened_source
from checks.config.configuration import ClusterConfig
from checks.model.question import Question, parse_client, parse_cluster_name, parse_gateway_name
from checks.model.requested_host import parse_host

if TYPE_CHECKING:
    from checks.cli.cluster_arguments import Opening


@dataclass(frozen=True, slots=True)
class ServedClusters:
    """The choices of the person who starts the server.

    `azure`: `live` or `none`; `timeout`: of each tool, in seconds.
    """

    config: Path | None
    kubeconfig: str | None
    azure: str
    timeout: float

    def chosen(self, cluster: str | None, bundle: str | None) -> "tuple[ClusterConfig, Opening]":
        """The entry of a cluster or bundle, and the function that opens its source.

        Without both, the current context of the kubeconfig. Raises BadQuestion, and click.UsageError for an unknown
        cluster.
        """
        if bundle is None:
            return named_cluster(cluster or None, self._options(), self.timeout)
        path = Path(bundle)
        entry = ClusterConfig(name=parse_cluster_name(cluster or bundle_name(path)), bundle=path)
        return entry, partial(opened_source, entry)

    def _options(self) -> ClusterArguments:
        return ClusterArguments(
            config=self.config,
            kubeconfig=self.kubeconfig,
            context=None,
            namespace=None,
            azure=self.azure,
            managed_cluster=None,
            agent_pools=None,
            resources=None,
        )


def question(entry: ClusterConfig, gateway: str, host: str | None, client: str | None) -> Question:
    """The question about a gateway, and about requests for a host.

    Raises BadQuestion.
    """
    named = parse_gateway_name(gateway, None)
    return Question(
        entry.identity,
        named.name,
        named.namespace,
        parse_host(host) if host else None,
        parse_client(client) if client else None,
    )
