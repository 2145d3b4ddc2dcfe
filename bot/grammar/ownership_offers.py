"""Offers of an incident to another user: `hand it over to @bob`, `@bob should take this`."""

import re

_IT = r"(?:it|this|that|the incident)"
_VERB = r"(?:hand|give|pass|assign|reassign|transfer)"
_PERSON = r"(?P<to><@\S+>|@\S+)"
_OFFERS = tuple(
    re.compile(rf"(?:^|\s){each}(?: please| pls| thanks)?[\s.!?]*$", re.IGNORECASE)
    for each in (
        rf"{_VERB}(?: {_IT})?(?: over)? to (?P<to>\S+?)",
        rf"{_PERSON} (?:(?:should|will|can|must|please) )?(?:takes?|owns?|handles?|has) {_IT}(?: over)?",
    )
)
_USER = re.compile(r"<@([A-Z0-9]+)(?:\|[^>]*)?>")
_SPEAKER = ("me", "us", "myself")


def offered_to(text: str) -> str | None:
    """The user to whom an incident is offered, "" without a mention; None for other texts."""
    for pattern in _OFFERS:
        if (found := pattern.search(text)) is not None and found["to"].lower() not in _SPEAKER:
            mentioned = _USER.fullmatch(found["to"])
            return mentioned[1] if mentioned else ""
    return None
