"""What the tasks of one process share: its configuration, its connections to Redis, its clusters."""

from functools import cache

from celery.signals import worker_process_init

from checks.config.configuration import Config, load
from workers.client import Client, connect
from workers.queue.settings import worker_settings
from workers.runs.clusters import ClusterSources


@cache
def loaded_configuration() -> Config:
    """The configuration of this process, read once. Raises ConfigError."""
    return load(None, worker_settings().config)


@cache
def client() -> Client:
    """This process's connections, made after the fork."""
    return connect(worker_settings(), loaded_configuration(), patience=True)


@cache
def cluster_sources() -> ClusterSources:
    """This process's sources."""
    return ClusterSources(loaded_configuration())


@worker_process_init.connect
def _fresh(**_: object) -> None:
    """A pool child starts with nothing of its parent's: sockets and credentials are made after the fork."""
    client.cache_clear()
    cluster_sources.cache_clear()
