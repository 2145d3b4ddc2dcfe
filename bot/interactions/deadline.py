"""Slack waits three seconds. What takes longer is acknowledged before it is done, and answered through the response URL."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bot.messages.blocks import Message

log = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0
"""Seconds that an answer may take before it is acknowledged without."""


class AnswerDeadline:
    """Does work within Slack's three seconds, or acknowledges first."""

    def __init__(self, threads: int = 32) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="answer")

    def answer(
        self,
        work: Callable[[], Message | None],
        acknowledge: Callable[[Message | None], object],
        later: Callable[[Message], object],
    ) -> None:
        """Acknowledges with the answer where it comes in time; else with nothing, and gives the answer `later`. What the work
        raises is raised here."""
        doing = self._pool.submit(work)
        try:
            answer = doing.result(timeout=ANSWER_SECONDS)
        except TimeoutError:
            log.warning("an answer took longer than %s s", ANSWER_SECONDS)
            acknowledge(None)
            late = doing.result()
            if late is not None:
                later(late)
        else:
            acknowledge(answer)
