"""The steps and checks of a gateway in the channel of a handoff, and its next step."""

from collections.abc import Callable
from datetime import datetime

from checks.reports.ran_steps import next_step
from workers.records.card import Card
from workers.records.handoff import Work
from workers.records.history import PastRun
from workers.records.run import Run, Target
from workers.records.tried import steps_over

MOST_CHECKS = 50
"""Past checks of a gateway that are counted."""


class WorkReader:
    """Reads cards, past runs and reports. Every method may raise `connection.Unavailable`."""

    def __init__(
        self,
        card: Callable[[str, Target], Card | None],
        past_runs: Callable[[str, str, int], tuple[PastRun, ...]],
        run: Callable[[str], Run | None],
    ) -> None:
        self._card = card
        self._past_runs = past_runs
        self._run = run

    def work(self, cluster: str, gateway: str, channel: str, since: datetime) -> Work:
        """The steps and checks in the channel since the incident began, and the next step."""
        namespace, _, name = gateway.partition("/")
        card = self._card(channel, Target(cluster, name, namespace))
        tried = card.tried if card is not None and card.open else ()
        every = self._past_runs(cluster, gateway, MOST_CHECKS)
        past = [each for each in every if each.channel == channel and each.at >= since]
        latest = self._run(card.latest if card is not None else past[0].run) if card is not None or past else None
        report = latest.report if latest is not None else None
        following = next_step(report, steps_over(tried)) if report is not None else None
        return Work(
            tried=tried,
            checks=len(past),
            last=past[0].at if past else None,
            verdict=past[0].verdict if past else None,
            next=following[1].title if following is not None else "",
        )
