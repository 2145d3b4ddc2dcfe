"""One interaction of a person with the bot: a slash command, a press, a form or a mention."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interaction:
    """Where something was typed or pressed, by whom, and what makes repetitions of it recognisable."""

    user: str
    channel: str
    team: str
    key: str
    response_url: str = ""
    thread: str | None = None
    trigger: str = ""
