"""Leases: the exclusive use of something by one process, for as long as it lives.

A lease is short and renewed, so that what a killed process held is free after seconds.
"""

import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from workers.runs.compare_and_set import Expected, Transitions

log = logging.getLogger(__name__)


class Lease:
    """One holder's lease on a key, for so many seconds after the last renewal.

    With `retake`, a renewal takes an expired lease again. Without, it is lost: another process may have had it since.
    Every method may raise `connection.Unavailable`.
    """

    def __init__(self, transitions: Transitions, key: str, seconds: float, *, retake: bool = True) -> None:
        self._transitions = transitions
        self._key = key
        self._seconds = seconds
        self._retake = retake
        self._holder = secrets.token_hex(8)

    @property
    def held_by_me(self) -> Expected:
        """The expectation of a transition that only the holder makes."""
        return Expected(("GET", self._key), self._holder)

    def acquire(self) -> bool:
        """Take the lease. False while another process holds it."""
        free = Expected(("GET", self._key), None)
        return self._transitions.apply([free], [("SET", self._key, self._holder, "PX", self._milliseconds)])

    def renew(self) -> bool:
        """Hold the lease for the whole time again. False if it is lost."""
        mine = self._transitions.apply([self.held_by_me], [("PEXPIRE", self._key, self._milliseconds)])
        return mine or (self._retake and self.acquire())

    def release(self) -> bool:
        """Give the lease back. False if this process did not hold it any more."""
        return self._transitions.apply([self.held_by_me], [("DEL", self._key)])

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew an acquired lease from a thread while the block runs, and give it back."""
        over = threading.Event()
        thread = threading.Thread(target=self._keep_renewed, args=(over,), name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(timeout=10)
            self._give_back()

    def _keep_renewed(self, over: threading.Event) -> None:
        while not over.wait(self._seconds / 3):
            try:
                if not self.renew():
                    log.warning("the lease %s was lost: another worker has it", self._key)
                    return
            except RedisError:
                log.warning("the lease %s could not be renewed: Redis is not reachable", self._key)

    def _give_back(self) -> None:
        try:
            if not self.release():
                log.info("the lease %s had expired before it was released", self._key)
        except RedisError:
            log.info("the lease %s could not be released: it expires", self._key)

    @property
    def _milliseconds(self) -> int:
        return max(1, int(1000 * self._seconds))
