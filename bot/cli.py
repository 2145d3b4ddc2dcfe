"""`egress-diag bot`: the listener for Slack's requests, and the courier of its messages."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from platform import node
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from slack_bolt import App
    from slack_bolt.adapter.socket_mode import SocketModeHandler
    from tornado.web import Application, RequestHandler

    from bot.slack.settings import SlackSettings
    from bot.web.server import BoundedServer, ServerLimits
    from checks.config.configuration import Config
    from workers.client import Client

log = logging.getLogger(__name__)

_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(128 * 1024), "MALLOC_ARENA_MAX": "2"}
"""Settings of glibc for the courier.

Large allocations are returned at once, and its threads share two arenas.
"""


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Configuration file.")
@click.option(
    "--port",
    default=3000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port for Slack's requests and alerts.",
)
@click.option(
    "--health-port",
    default=3001,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port of health, readiness and metrics.",
)
@click.option("--bind", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104 - a container listens on every address
@click.option(
    "--role",
    type=click.Choice(["all", "listener", "courier"]),
    default="all",
    show_default=True,
    help="Listen for requests from Slack, deliver messages to Slack, or both.",
)
def bot(config: Path | None, port: int, health_port: int, bind: str, role: str) -> None:
    """Run the Slack bot (HTTP, or Socket Mode when SLACK_APP_TOKEN is set)."""
    from bot.slack.logs import set_up_listener
    from bot.slack.settings import slack_settings
    from checks.config.configuration_file import ConfigError, load

    set_up_listener()
    if config is not None:
        os.environ["EGRESS_DIAG_CONFIG"] = str(config.resolve())  # noqa: TID251 - passed on to the courier
        slack_settings.cache_clear()
    try:
        load(None, slack_settings().config)
    except ConfigError as wrong:
        raise click.UsageError(str(wrong)) from None
    if port == health_port != 0:
        raise click.UsageError(f"--port and --health-port are both {port}; choose two ports")
    if slack_settings().missing:
        raise click.UsageError(f"set {' and '.join(slack_settings().missing)} in the environment")
    _refuse_clusters()
    if role == "courier":
        _run_courier()
    courier = _Supervised() if role == "all" else None
    try:
        _listen(port, health_port, bind)
    finally:
        if courier is not None:
            courier.stop()


def _refuse_clusters() -> None:
    """Refuse a Redis in cluster mode with a sentence."""
    from workers.client.processes import UnsupportedRedis, refuse_clusters, worker_settings

    try:
        refuse_clusters(worker_settings())
    except UnsupportedRedis as unsupported:
        raise click.UsageError(str(unsupported)) from None


def _run_courier() -> NoReturn:
    """Replace this process with the Celery worker of the courier.

    The pictures that its threads draw go back to the system: otherwise glibc keeps the memory of the first ones in an
    arena of each thread.
    """
    for name, value in _ALLOCATOR.items():
        os.environ.setdefault(name, value)  # noqa: TID251 - glibc reads it at the start
    arguments = ["--queues", "courier", "--hostname", "courier@%h", "--pool", "threads", "--concurrency", "4"]
    celery = [sys.executable, "-m", "celery", "--quiet", "--app", "bot.courier.process", "worker", "--loglevel", "INFO"]
    # No process reads Celery's events. Without them, the user of Redis needs no channel.
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    os.execv(sys.executable, [*celery, *quiet, *arguments])  # noqa: S606 - our own program


class _Supervised:
    """The courier as a child process: restarted when it ends, stopped with this process."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.child = self._start()
        self.thread = threading.Thread(target=self._watch, name="courier", daemon=True)
        self.thread.start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "checks.cli.main", "bot", "--role", "courier"])

    def _watch(self) -> None:
        while not self.over.is_set():
            code = self.child.wait()
            if self.over.is_set():
                return
            log.warning("the courier ended with exit code %s and is restarted", code)
            self.over.wait(1)
            self.child = self._start()

    def stop(self) -> None:
        self.over.set()
        self.child.terminate()
        try:
            self.child.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.child.kill()


def _listen(port: int, health_port: int, bind: str) -> None:
    from bot.app import make_bolt
    from bot.slack.identity import Identity
    from bot.slack.settings import slack_settings
    from bot.slack.socket_health import SocketHealth
    from bot.slack.web_api import Slack
    from bot.web.health import HEALTH_LIMITS, Health, health_application
    from checks.config.configuration_file import load
    from workers.client import connect
    from workers.client.processes import worker_settings

    settings = slack_settings()
    config = load(None, settings.config)
    client = connect(worker_settings(), config)
    bolt = make_bolt(settings, config, client)
    socket = _open_socket(bolt, settings.slack_app_token.get_secret_value()) if settings.socket_mode else None
    identity = Identity(Slack(settings, timeout=5))
    identity.start()
    alive = SocketHealth(socket.client.is_connected if socket else lambda: True, lambda: not identity.problem).alive
    servers = [_server(health_application(Health(client, identity, alive)), bind, health_port, HEALTH_LIMITS, "health")]
    servers += _request_servers(_handlers(bolt, settings, config, client), bind, port)
    where = "through Socket Mode" if socket else f"on port {servers[-1].port}"
    log.info("listening for Slack %s; health and metrics on port %s", where, servers[0].port)
    try:
        _serve(servers)
    finally:
        if socket is not None:
            socket.close()  # type: ignore[no-untyped-call]


def _handlers(
    bolt: "App", settings: "SlackSettings", config: "Config", client: "Client"
) -> "list[tuple[str, type[RequestHandler], dict[str, object]]]":
    """The endpoints of `--port`.

    They are Slack's signed requests without Socket Mode, and alerts if their token is set.
    """
    from bot.listeners.alerts import AlertIntake
    from bot.listeners.intake import Intake
    from bot.slack.web_api import Slack
    from bot.web.alert_requests import AlertAnswer, AlertGate, alerts_handler
    from bot.web.slack_requests import Gate, slack_handler

    found = []
    if not settings.socket_mode:
        found.append(slack_handler(Gate(settings.slack_signing_secret.get_secret_value(), Intake(bolt).http)))
    if token := settings.alerts_token.get_secret_value():
        intake = AlertIntake(config, client, Slack(settings, timeout=2))
        found.append(alerts_handler(AlertGate(token, lambda body: AlertAnswer(*intake.answer(body)))))
    return found


def _request_servers(
    handlers: "list[tuple[str, type[RequestHandler], dict[str, object]]]", bind: str, port: int
) -> "list[BoundedServer]":
    """The server of these endpoints; none without an endpoint."""
    from bot.web.server import make_application
    from bot.web.slack_requests import SLACK_LIMITS

    if not handlers:
        return []
    server = _server(make_application(handlers), bind, port, SLACK_LIMITS, "requests")
    log.info("port %s serves %s", server.port, " and ".join(path for path, _, _ in handlers))
    return [server]


def _open_socket(bolt: "App", token: str) -> "SocketModeHandler":
    """Socket Mode, which connects in the background."""
    from bot.listeners.intake import SocketIntake

    socket = SocketIntake(bolt, token)
    threading.Thread(target=_connect, args=(socket,), name="socket", daemon=True).start()
    return socket


def _server(application: "Application", bind: str, port: int, limits: "ServerLimits", name: str) -> "BoundedServer":
    from bot.web.server import BoundedServer

    try:
        return BoundedServer(application, bind, port, limits, name)
    except OSError as taken:
        raise click.ClickException(f"cannot listen on {bind} port {port}: {taken.strerror}") from None


def _serve(servers: "Sequence[BoundedServer]") -> None:
    """Answer requests until SIGTERM, and announce this process in Redis."""
    from workers.client.processes import announced

    def stop(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    try:
        with announced(f"listener@{node()}"):
            for server in servers:
                server.start()
            threading.Event().wait()
    finally:
        for server in reversed(servers):
            server.stop()


def _connect(socket: "SocketModeHandler", wait: float = 5.0) -> None:
    """Open the socket, and retry while Slack does not answer."""
    from http.client import HTTPException

    from slack_sdk.errors import SlackClientError

    # The SDK reads the address of the socket from an answer that a proxy may have written.
    malformed = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
    while True:
        try:
            socket.connect()  # type: ignore[no-untyped-call]
        except (SlackClientError, OSError, HTTPException, *malformed) as error:
            log.warning("the socket to Slack is not connected: %s: %s", type(error).__name__, error)
            time.sleep(wait)
        else:
            return
