"""The cluster sources of this worker process.

Each is opened at its first run and kept with its credentials.
"""

import threading

from checks.config.configuration import ClusterConfig, Config
from checks.sources.live import open_source
from checks.sources.source import Source
from workers.runs.measured import MeasuredSource


class ClusterSources:
    """Sources by cluster.

    A bundle is opened for each run, since its files may have been replaced.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._sources: dict[str, Source] = {}
        self._lock = threading.Lock()

    def source(self, entry: ClusterConfig) -> Source:
        """A cluster's source. Raises BundleError or SourceError if it cannot be opened."""
        if entry.bundle is not None:
            return open_source(entry)
        with self._lock:
            if entry.name not in self._sources:
                self._sources[entry.name] = MeasuredSource(open_source(entry))
            return self._sources[entry.name]
