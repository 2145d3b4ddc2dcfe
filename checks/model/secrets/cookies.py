"""The values of the cookies in a header."""

import re
from collections.abc import Iterator

from checks.model.secrets.names import SecretName
from checks.model.secrets.values import is_prose, is_secret_value

_COOKIE = re.compile(r"\s*([^=;\s]+)=([^;]*)")
_BARE_ATTRIBUTE = re.compile(r"(?i)\s*(?:httponly|secure|partitioned)?\s*|\s*name:\s.*")
"""An attribute without a value, or the description in `httpCookie: name: session`."""
_ATTRIBUTES = frozenset(("path", "domain", "expires", "max-age", "samesite", "version", "priority"))


def cookie_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The values of the cookies between these positions, without attributes such as `Path`."""
    cookies = list(_COOKIE.finditer(text, start, end))
    whole = text[start:end].strip()
    if not cookies and all(_BARE_ATTRIBUTE.fullmatch(each) for each in whole.split(";")):
        return
    if not cookies and is_secret_value(whole, SecretName.COOKIE) and not (is_prose(whole) and " " in whole):
        yield start, end
    for cookie in cookies:
        if cookie[1].lower() not in _ATTRIBUTES and is_secret_value(cookie[2], SecretName.COOKIE):
            yield cookie.span(2)
