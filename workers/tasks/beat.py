"""The beat: a loop that does the scheduled work itself.

No message is sent between the clock and the work, so no consumer can lose its connection and wait without end. A
round that Redis interrupts is made again at the next turn. Every round is idempotent: a second beat is harmless.
"""

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from workers.client import ConnectedClient
from workers.queue.connection import Unavailable
from workers.queue.presence import ANNOUNCE_INTERVAL, Announcer
from workers.queue.rounds import FLEET, JANITOR, WATCHES, Rounds
from workers.queue.settings import worker_settings
from workers.queue.stopping import bound_stop
from workers.tasks.fleet_tasks import drive_fleet
from workers.tasks.janitor import run_janitor
from workers.tasks.process import client
from workers.telemetry.error_tokens import logged_error_token, unexpected_error
from workers.telemetry.logs import set_up_logs
from workers.telemetry.metrics import serve_metrics

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScheduledWork:
    """Work that is done in rounds.

    `act` makes one round, and the next begins `interval` seconds after its end.
    """

    name: str
    interval: float
    act: Callable[[], None]


class Beat:
    """Makes rounds of each kind of work, one after the other."""

    def __init__(
        self, work: Sequence[ScheduledWork], rounds: Rounds, announcer: Announcer, heartbeat: Path | None
    ) -> None:
        self._work = work
        self._rounds = rounds
        self._announcer = announcer
        self._heartbeat = heartbeat
        self._announce_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Make rounds until the event is set."""
        due = dict.fromkeys((each.name for each in self._work), 0.0)
        while not stop.is_set():
            for each in self._work:
                if time.monotonic() >= due[each.name] and not stop.is_set():
                    self._make_round(each)
                    due[each.name] = time.monotonic() + each.interval
            stop.wait(max(0.05, min(due.values()) - time.monotonic()))
        self._announcer.leave()

    def _make_round(self, work: ScheduledWork) -> None:
        """Make one round.

        A round that fails is not counted, and ends neither the loop nor the other work.
        """
        text = f"a round of {work.name} failed"
        try:
            with unexpected_error(lambda error: logged_error_token(log, text, error)) as caught:
                work.act()
                self._rounds.note(work.name, datetime.now(UTC))
        except Unavailable as failure:
            log.warning("a round of %s was not completed: Redis: %s", work.name, failure)
            return
        if caught.error is not None:
            # Doctor and metrics report the missing round.
            return
        if self._heartbeat is not None:
            self._heartbeat.touch()
        if time.monotonic() >= self._announce_at:
            self._announcer.announce()
            self._announce_at = time.monotonic() + ANNOUNCE_INTERVAL


def step_watches(mine: ConnectedClient) -> None:
    """Advance every watch that is due by one step."""
    stores = mine.stores

    def step(watch_id: str) -> None:
        if (watch := stores.watches.step(watch_id, mine.start, stores.runs.get)) is not None:
            stores.watch_changed(watch)

    for _ in stores.unreadable.read_each("watch", stores.watches.due(), step):
        pass


def run_beat() -> None:
    """Run the beat until SIGTERM or SIGINT."""
    config = worker_settings()
    set_up_logs("beat")
    stop = threading.Event()

    def begin_stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        bound_stop(config.redis_url)
        stop.set()

    signal.signal(signal.SIGTERM, begin_stop)
    signal.signal(signal.SIGINT, begin_stop)
    mine = client()
    serve_metrics(config, backlog=True)
    name = f"beat@{socket.gethostname()}"
    work = (
        ScheduledWork(JANITOR, config.tick, lambda: run_janitor(mine.stores)),
        ScheduledWork(FLEET, config.tick, lambda: drive_fleet(mine.stores)),
        ScheduledWork(WATCHES, 1.0, lambda: step_watches(mine)),
    )
    log.info("%s ready.", name)
    Beat(work, mine.stores.rounds, Announcer(name), config.heartbeat).run(stop)
    log.info("%s has stopped", name)


if __name__ == "__main__":
    run_beat()
