"""`GET /healthz`, `/readyz` and `/metrics`, on a port of their own.

No request on the port for Slack can delay them: they have their own thread, and the port need not be reachable from
outside the cluster.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from tornado.web import Application

from bot.slack.identity import Identity
from bot.web.server import PlainHandler, ServerLimits, make_application
from workers.client import Client, Unavailable, redis_problem

HEALTH_LIMITS = ServerLimits(body_bytes=1024, seconds=5.0, connections=100)
"""The limits of requests for health and metrics."""


@dataclass(frozen=True)
class Health:
    """The state of this process.

    `alive` returns False if Socket Mode has been disconnected for long.
    """

    client: Client
    identity: Identity
    alive: Callable[[], bool] = lambda: True
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, thread_name_prefix="health"))
    waits: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.waits.register(self.client.backlog_metrics())

    def ready(self) -> tuple[int, str]:
        """Whether Redis and Slack accept this process: status and sentence."""
        try:
            self.client.ping()
        except Unavailable as error:
            return 503, f"Redis {redis_problem(error)}"
        if self.identity.problem:
            return 503, self.identity.problem
        return 200, "ok"

    def metrics(self) -> bytes:
        """All metrics, in the format of Prometheus."""
        return generate_latest() + generate_latest(self.waits)


class _HealthHandler(PlainHandler):
    def initialize(self, health: Health) -> None:
        self.health = health

    def prepare(self) -> None:
        self.accept()


class _Alive(_HealthHandler):
    def get(self) -> None:
        if self.health.alive():
            self.refuse(200, "ok")
        else:
            self.refuse(503, "the connection to Slack is down")


class _Ready(_HealthHandler):
    async def get(self) -> None:
        status, words = await asyncio.get_running_loop().run_in_executor(self.health.threads, self.health.ready)
        self.refuse(status, words)


class _Metrics(_HealthHandler):
    async def get(self) -> None:
        found = await asyncio.get_running_loop().run_in_executor(self.health.threads, self.health.metrics)
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(found)


def health_application(health: Health) -> Application:
    """The endpoints on the health port."""
    handlers = {"/healthz": _Alive, "/readyz": _Ready, "/metrics": _Metrics}
    return make_application([(path, handler, {"health": health}) for path, handler in handlers.items()])
