"""The number of large clusters that the children of one worker check at the same time.

Facts and results of a cluster with 500 gateways take 100 MiB: a worker whose children each check one needs a gigabyte.
"""

import fcntl
import os
import tempfile
import time

LARGE = 100
"""From this number of gateways on, a cluster is large."""

SLOTS = 2
"""Large clusters that one worker checks at the same time; small ones do not count."""

_INTERVAL = 0.05


class LargeClusters:
    """Slots for large clusters, made before the children that share them are forked.

    Each slot is a record lock on a byte of a file that has no name. The kernel frees it when its process ends, however
    it does.
    """

    def __init__(self, at_once: int = SLOTS) -> None:
        self._slots = range(at_once)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        self._held: int | None = None

    def wait(self, gateways: int, seconds: float) -> bool:
        """Take a slot for a cluster with so many gateways. A small cluster needs none.

        Waits so many seconds at most. Returns whether the cluster has what it needs: the limit only saves memory, so
        that a cluster without a slot is checked, too.
        """
        if gateways < LARGE or self._held is not None:
            return True
        until = time.monotonic() + seconds
        while (slot := next(filter(self._taken, self._slots), None)) is None:
            if time.monotonic() >= until:
                return False
            time.sleep(_INTERVAL)
        self._held = slot
        return True

    def release(self) -> bool:
        """Give the slot back. False if this process has none."""
        if self._held is None:
            return False
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._held)
        self._held = None
        return True

    def close(self) -> None:
        """Close the file, which frees the slot of this process."""
        self._file.close()

    def _taken(self, slot: int) -> bool:
        """Take this slot, unless another process has it."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot, os.SEEK_SET)
        except OSError:
            return False
        return True
