"""An interaction of a person with the bot: a slash command, a press, a form or a mention."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interaction:
    """The person and place of an interaction.

    `key` stays the same when Slack delivers it again.
    """

    user: str
    channel: str
    team: str
    key: str
    response_url: str = ""
    thread: str | None = None
    trigger: str = ""
