"""The commands `egress-diag worker` and `egress-diag beat`."""

import os
import sys
import tempfile
from pathlib import Path

import click

_config = click.option("--config", type=click.Path(path_type=Path), help="Configuration file.")


@click.command()
@_config
@click.option("--concurrency", type=click.IntRange(1, 64), help="Number of diagnoses at a time (default 4).")
@click.option(
    "--queues",
    type=click.Choice(["diagnose", "sweep", "diagnose,sweep", "actions"]),
    default="diagnose,sweep",
    show_default=True,
    help="Queues to take tasks from; large fleets run separate workers with --queues sweep for fleet checks.",
)
def worker(config: Path | None, concurrency: int | None, queues: str) -> None:
    """Run a worker for diagnoses and fleet checks."""
    # On SIGTERM a worker stops within a bound and running tasks go back into the queue. Celery supports that for its
    # prefork pool only; the other pools have short tasks and let them end.
    os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")  # noqa: TID251 - Celery reads it
    # prometheus_client decides on import whether the pool's children share their counts.
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="egress-diag-metrics-"))  # noqa: TID251 - as above
    # Each of the threads that read a cluster would otherwise keep freed memory of its own.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")  # noqa: TID251 - the C library reads it
    _start(config, ["--queues", queues, "--hostname", "worker@%h", *_concurrency(concurrency)])


@click.command()
@_config
def beat(config: Path | None) -> None:
    """Run the beat: starts watches and scheduled work, and restarts lost runs."""
    _check_configuration(config)
    os.execv(sys.executable, [sys.executable, "-m", "workers.tasks.beat"])  # noqa: S606 - our own program


def _concurrency(given: int | None) -> list[str]:
    return ["--concurrency", str(given)] if given else []


def _check_configuration(config: Path | None) -> None:
    """Read the configuration once, and refuse a Redis in cluster mode, to report both here."""
    from checks.config.configuration_file import ConfigError, load
    from workers.queue.cluster_mode import UnsupportedRedis, refuse_clusters
    from workers.queue.settings import worker_settings

    if config is not None:
        os.environ["EGRESS_DIAG_CONFIG"] = str(config.resolve())  # noqa: TID251 - handed on to the child processes
        worker_settings.cache_clear()
    try:
        load(None, worker_settings().config)
        refuse_clusters(worker_settings())
    except (ConfigError, UnsupportedRedis) as wrong:
        raise click.UsageError(str(wrong)) from None


def _start(config: Path | None, arguments: list[str]) -> None:
    """Replace this process by Celery's worker."""
    _check_configuration(config)
    celery = [
        sys.executable,
        "-m",
        "celery",
        "--quiet",
        "--app",
        "workers.tasks.worker",
        "worker",
        "--loglevel",
        "INFO",
    ]
    # No process reads Celery's events. Without them, the user of Redis needs no channel.
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    os.execv(sys.executable, [*celery, *quiet, *arguments])  # noqa: S606 - our own program
