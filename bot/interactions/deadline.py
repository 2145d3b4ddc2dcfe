"""Slack's deadline of three seconds.

A slow request is acknowledged first and answered later.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bot.messages.blocks import Message

log = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0
"""Seconds after which a request is acknowledged without its answer."""


class AnswerDeadline:
    """Runs work within Slack's deadline, or acknowledges first."""

    def __init__(self, threads: int = 32) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="answer")

    def answer(
        self,
        work: Callable[[], Message | None],
        acknowledge: Callable[[Message | None], object],
        later: Callable[[Message], object],
    ) -> None:
        """Acknowledge with the answer of `work` if it is in time, else pass the answer to `later`.

        Raises what `work` raises.
        """
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
