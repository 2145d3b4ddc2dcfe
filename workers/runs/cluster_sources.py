"""The cluster sources of this worker process."""

from collections.abc import Callable

from checks.config.configuration import ClusterConfig, Config
from checks.sources.live import LiveSource, open_source
from checks.sources.pod_samples import SampleMemory
from checks.sources.source import Source
from workers.runs.measured import MeasuredSource


class ClusterSources:
    """Sources by cluster, opened for each run.

    `open_source` keeps connections and tokens, and notices changed credentials; a second cache here would hide them.
    """

    def __init__(self, config: Config, samples: Callable[[str], SampleMemory] | None = None) -> None:
        """`samples` returns the memory for counters of a cluster; None: this process."""
        self.config = config
        self._samples = samples

    def source(self, entry: ClusterConfig, namespace: str | None = None) -> Source:
        """A cluster's source. Raises BundleError or SourceError if it cannot be opened.

        `namespace`, that of a gateway, is also read if the identity may not read the whole cluster.
        """
        opened = open_source(entry, namespace)
        if self._samples is not None and isinstance(opened, LiveSource) and entry.metrics == "pods":
            opened.keep_samples_in(self._samples(entry.name))
        return opened if entry.bundle is not None else MeasuredSource(opened)
