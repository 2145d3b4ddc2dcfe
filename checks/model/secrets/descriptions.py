"""Fields of an object that describe a secret: its user, its path, its type."""

import re
from functools import lru_cache

_SEPARATORS = re.compile(r"[^a-z0-9]+")
_DESCRIBES = frozenset(
    (
        *(
            "name",
            "names",
            "id",
            "keyid",
            "kid",
            "clientid",
            "user",
            "username",
            "login",
            "email",
            "server",
            "host",
            "url",
            "uri",
        ),
        *("path", "file", "filename", "mountpath", "subpath", "kind", "type", "apiversion", "namespace", "key", "keys"),
        *(
            "audience",
            "issuer",
            "region",
            "mode",
            "provider",
            "source",
            "sources",
            "secretname",
            "secretkeyref",
            "version",
        ),
        *(
            "environmentvariable",
            "optional",
            "description",
            "message",
            "reason",
            "status",
            "created",
            "expires",
            "service",
        ),
    )
)
"""Fields that describe a secret and do not contain it."""


@lru_cache(maxsize=20_000)
def normal_key(key: str) -> str:
    """The key in small letters, without separators."""
    return _SEPARATORS.sub("", key.lower())


@lru_cache(maxsize=20_000)
def is_description(key: str) -> bool:
    """Whether a field of this name describes a secret and does not contain it."""
    return normal_key(key) in _DESCRIBES
