"""The cluster sources of this worker process."""

from checks.config.configuration import ClusterConfig, Config
from checks.sources.live import open_source
from checks.sources.source import Source
from workers.runs.measured import MeasuredSource


class ClusterSources:
    """Sources by cluster, opened for each run.

    `open_source` keeps connections and tokens, and notices changed credentials; a second cache here would hide them.
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    def source(self, entry: ClusterConfig, namespace: str | None = None) -> Source:
        """A cluster's source. Raises BundleError or SourceError if it cannot be opened.

        `namespace`, that of a gateway, is also read if the identity may not read the whole cluster.
        """
        opened = open_source(entry, namespace)
        return opened if entry.bundle is not None else MeasuredSource(opened)
