"""The configuration, connections and cluster sources that the tasks of one process share."""

import gc
from functools import cache

from celery.signals import worker_before_create_process, worker_init, worker_process_init

from checks.catalogue import catalogue
from checks.config.configuration import Config
from checks.config.configuration_file import load
from checks.sources.libraries import azure_library, kubernetes_library
from workers.client import ConnectedClient, connect
from workers.fleet.large_clusters import LargeClusters
from workers.queue.settings import worker_settings
from workers.runs.cluster_sources import ClusterSources
from workers.runs.sample_store import RedisSamples


@cache
def loaded_configuration() -> Config:
    """The configuration of this process, read once. Raises ConfigError."""
    return load(None, worker_settings().config)


@cache
def client() -> ConnectedClient:
    """The client of this process, connected after the fork."""
    return connect(worker_settings(), loaded_configuration(), retry=True)


@cache
def cluster_sources() -> ClusterSources:
    """The cluster sources of this process."""
    stores = client().stores
    return ClusterSources(
        loaded_configuration(), lambda cluster: RedisSamples(stores.redis, stores.settings.prefix, cluster)
    )


@cache
def large_clusters() -> LargeClusters:
    """The slots for large clusters, which the children of this worker share."""
    return LargeClusters()


@worker_init.connect
def load_before_fork(**_: object) -> None:
    """Load what every pool child needs, so that the children share its memory."""
    catalogue()
    large_clusters()
    if any(cluster.bundle is None for cluster in loaded_configuration().clusters):
        kubernetes_library()
        azure_library()


@worker_before_create_process.connect
def _keep_shared(**_: object) -> None:
    """Exempt what the parent has loaded from the garbage collection of its children.

    A collection writes into every object that it visits, so that each child had its own copy of the parent's memory.
    """
    gc.freeze()


@worker_process_init.connect
def _fresh(**_: object) -> None:
    """Drop what a pool child inherited: sockets and credentials are made after the fork."""
    client.cache_clear()
    cluster_sources.cache_clear()
