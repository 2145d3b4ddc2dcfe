"""Questions that name a host: `does edition.cnn.com work?`, `check api.bank.example`."""

import re

from bot.grammar.commands import TraceHost
from checks.model.question import BadQuestion, parse_client
from checks.model.requested_host import parse_host

_HOST = re.compile(
    r"(?:(?:https?|grpc|tls|tcp)://\S+|(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]+(?::\d{1,5})?|(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?)",
    re.IGNORECASE,
)
_FROM = re.compile(r"^from$", re.IGNORECASE)
_BEGINNINGS = frozenset(
    re.findall(
        r"\w+",
        """
        also and are but can cannot cant check could couldn curl diagnose did do does doesn has hey hi how i is isn look
        my ok our ping please reach run should so test the trace try verify was we what whats why will
        """,
    )
)
_OTHER = re.compile(
    r"\b(?:who|owns?|owner|when|since|history|watch|list|changed?|undo|restart|mute|report|mean|means|fix|ip|address|affected)\b"
)
"""Words of questions about a host whose answer is no check."""


def is_host(word: str) -> bool:
    """Whether a word is a host name, an address or a URL."""
    return _HOST.fullmatch(word) is not None


def host_question(words: list[str]) -> TraceHost | None:
    """The host that a question names, with its client after `from`; None for any other text."""
    if any(word.startswith("--") for word in words):
        return None
    plain = [word.strip(".,!?;()\"'") for word in words]
    hosts = [word for word in plain if is_host(word)]
    rest = [word for word in plain if word and word not in hosts]
    if len(hosts) != 1 or _OTHER.search(" ".join(rest).lower()):
        return None
    first = re.split("['’]|n't", rest[0].lower())[0] if rest and plain[0] != hosts[0] else ""
    if first and first not in _BEGINNINGS:
        return None
    client = next((rest[n + 1] for n, word in enumerate(rest[:-1]) if _FROM.match(word)), "")
    names = [word for word in rest if "/" in word and word != client]
    try:
        named = str(parse_client(client)) if "/" in client else None
        return None if names else TraceHost(parse_host(hosts[0]), named)
    except BadQuestion:
        return None
