"""The source behind a cluster's configuration entry: its bundle, or the live cluster."""

from checks.config import ClusterConfig
from checks.sources.base import Source, SourceError
from checks.sources.bundle import BundleError, read_bundle
from checks.sources.recorded import RecordedSource

__all__ = ["BundleError", "SourceError", "open_source"]


def open_source(cluster: ClusterConfig) -> Source:
    """The source that the entry describes. Raises BundleError or SourceError where it cannot be opened."""
    if cluster.bundle is not None:
        return RecordedSource(read_bundle(cluster.bundle))
    raise SourceError(f"{cluster.name}: a live cluster cannot be read yet; expected a bundle")
