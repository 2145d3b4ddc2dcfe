"""Which names of fields, variables, flags, headers and parameters announce a secret?

A name is split into words at separators and capitals, and its last word decides: `DB_PASSWORD`, `dbPassword`, `--db.password`
and `x-db-password` are one name.
"""

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache


class SecretName(Enum):
    """The kinds of names. The kind decides which values of such a field are secret."""

    PASSWORD = "password"  # noqa: S105 - a kind of name
    """Any value, also of several words."""
    TOKEN = "token"  # noqa: S105 - a kind of name
    """Any value without spaces."""
    AUTH = "auth"
    """A credential, or only a method such as `mtls`."""
    OBJECT = "object"
    """The bare word `secret`: a value, or the name of a Kubernetes Secret."""
    HEADER = "header"
    """Everything up to the end of the header."""
    COOKIE = "cookie"
    """The value of each cookie."""
    WEAK = "weak"
    """Only a value that looks random: `key`, `signature`, plurals."""


HINTS = (
    *(
        "pass",
        "pwd",
        "psw",
        "secret",
        "token",
        "key",
        "cred",
        "auth",
        "cookie",
        "sessid",
        "sessionid",
        "bearer",
        "dockerc",
        "kubeconfig",
    ),
    *("pat", "sas", "otp", "jwt", "pw", "sid", "psk", "signature", "hmac", "assertion", "verifier", "saml"),
)
"""Every name that announces a secret contains one of these, in small letters."""
_LONGEST = 120
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_QUALIFIERS = frozenset(
    [
        "v",
        "primary",
        "secondary",
        "current",
        "previous",
        "old",
        "new",
        "next",
        "value",
        "string",
        "text",
        "plain",
        "plaintext",
        "binary",
        "base",
        "data",
        "raw",
        "b64",
        "enc",
        "prod",
        "live",
        "dev",
        "test",
        "staging",
        "main",
        "default",
        "root",
    ]
)
"""Words after the deciding one: `SECRET_KEY_BASE`, `client-key-data`, `passwordPrimary`."""
_DERIVED = frozenset(("hash", "hashed", "hashes", "digest"))
"""Words for a value that is computed from a password: `passwordHash`."""
_PASSWORDS = ("password", "passwd", "passphrase", "passcode", "passwort", "pwd", "secret")
_ORDINARY_PASS = ("bypass", "compass", "encompass", "trespass", "surpass", "overpass", "underpass", "pass")
_EXACT_PASSWORDS = frozenset(("psk", "pswd", "psw", "requirepass", "htpasswd", "dockerconfigjson", "dockercfg"))
_EXACT_TOKENS = frozenset(
    (
        "jwt",
        "otp",
        "pat",
        "hmac",
        "sas",
        "cred",
        "creds",
        "sessionid",
        "jsessionid",
        "phpsessid",
        "sessid",
        "sid",
        "bearer",
    )
)
_JOINED_KEYS = tuple(
    f"{each}key"
    for each in [
        "api",
        "access",
        "secret",
        "private",
        "account",
        "auth",
        "shared",
        "master",
        "signing",
        "encryption",
        "decryption",
        "primary",
        "secondary",
        "subscription",
        "license",
        "ssh",
        "storage",
        "service",
        "deploy",
        "client",
        "session",
        "instrumentation",
        "ingestion",
        "integration",
        "webhook",
        "hmac",
        "aes",
        "crypto",
        "app",
    ]
)
_KEY_OF = frozenset(
    [
        "topology",
        "hash",
        "partition",
        "routing",
        "sort",
        "foreign",
        "cache",
        "label",
        "annotation",
        "lookup",
        "row",
        "config",
        "header",
        "metadata",
        "object",
        "map",
        "dedup",
        "idempotency",
        "group",
        "index",
        "host",
        "no",
        "unknown",
        "missing",
        "tls",
        "field",
        "selector",
        "match",
        "toleration",
        "hot",
        "any",
        "each",
        "every",
        "this",
        "that",
        "sub",
    ]
)
"""Words before `key` that make it the key of a map or a table."""
_SECRET_OF = frozenset(
    [
        "kubernetes",
        "k8s",
        "pull",
        "tls",
        "kind",
        "core",
        "existing",
        "ref",
        "docker",
        "registry",
        "cert",
        "certificate",
        "ca",
        "image",
        "ingress",
    ]
)
"""Words before `secret` that make it the name of a Kubernetes Secret."""
_REASONS = frozenset(
    ["failed", "invalid", "missing", "bad", "wrong", "incorrect", "unknown", "expired", "unsupported", "unauthorized"]
)
"""The first words of events and errors, which name no field."""
_COLLECTIONS = ("passwords", "passwds", "secrets", "tokens", "credentials", "creds", "passphrases")
_COLLECTED = frozenset(("map", "mapping", "list", "store", "table", "set", "entries"))
"""Words after the deciding one that make it a collection: `passwordMap`."""
_PLURALS = frozenset(("tokens", "secrets", "keys", "passwords", "signature", "signatures", "sig", "key"))


def contains_any(small: str, hints: Iterable[str]) -> bool:
    """Whether a text in small letters contains one of these hints."""
    for hint in hints:  # noqa: SIM110 - no generator: this runs for every text of a cluster
        if hint in small:
            return True
    return False


@lru_cache(maxsize=20_000)
def announced_secret(name: str) -> SecretName | None:
    """The kind of this name, or None if it announces no secret."""
    if not contains_any(name.lower(), HINTS):
        return None
    words = [each.lower() for each in _WORD.findall(name[-_LONGEST:])]
    while len(words) > 1 and (words[-1] in _QUALIFIERS or words[-1].isdigit()):
        words.pop()
    if not words or (len(words) > 1 and words[0] in _REASONS):
        return None
    last, before = words[-1], words[:-1]
    if (
        last in _DERIVED
        and before
        and _as_password(before[-1], before[:-1]) is SecretName.PASSWORD
        and before != ["secret"]
    ):
        return SecretName.PASSWORD
    return (
        _as_reference(last, before)
        or _as_password(last, before)
        or _as_credential(last, before)
        or _as_key(last, before)
    )


@lru_cache(maxsize=20_000)
def is_collection(name: str) -> bool:
    """Whether an object of this name maps any names to secrets: `passwords`, `tokenMap`."""
    words = [each.lower() for each in _WORD.findall(name[-_LONGEST:])]
    if len(words) > 1 and words[-1] in _COLLECTED:
        return announced_secret(name[: name.lower().rfind(words[-1])]) in (SecretName.PASSWORD, SecretName.TOKEN)
    if not words or "max" in words or (len(words) > 1 and words[-2] in _SECRET_OF):
        return False
    return words[-1].endswith(_COLLECTIONS) or (
        words[-1] == "keys" and len(words) > 1 and announced_secret("".join(words)[:-1]) is SecretName.TOKEN
    )


def _as_reference(last: str, before: list[str]) -> SecretName | None:
    is_object = last == "secret" and (not before or before[-1] in _SECRET_OF or before[-1].isdigit())
    return SecretName.OBJECT if is_object or last == "kubeconfig" else None


def _as_password(last: str, before: list[str]) -> SecretName | None:
    if last in ("auth", "pass", "pw") and not before:
        return SecretName.AUTH
    is_password = last in ("pass", "pw") or last in _EXACT_PASSWORDS or last.endswith(_PASSWORDS)
    return SecretName.PASSWORD if is_password or (last.endswith("pass") and last not in _ORDINARY_PASS) else None


def _as_credential(last: str, before: list[str]) -> SecretName | None:
    if last.endswith("authorization"):
        return SecretName.HEADER
    if last in ("cookie", "cookies"):
        return SecretName.COOKIE
    if (last == "response" and before[-1:] == ["saml"]) or (last == "signature" and before):
        return SecretName.TOKEN
    if last == "verifier" and before[-1:] == ["code"]:
        return SecretName.TOKEN
    if last.endswith("auth") and last != "oauth":
        return SecretName.AUTH
    if last in ("sid", "pat", "bearer") and not before:
        return SecretName.AUTH if last == "bearer" else None
    is_token = last in _EXACT_TOKENS or last.endswith(("assertion", "token", "sessionid", "credential", "credentials"))
    return SecretName.TOKEN if is_token else None


def _as_key(last: str, before: list[str]) -> SecretName | None:
    if last.endswith(_JOINED_KEYS):
        return SecretName.TOKEN
    if last == "key" and before:
        return None if before[-1] == "public" else SecretName.WEAK if before[-1] in _KEY_OF else SecretName.TOKEN
    if before and last in ("tokens", "passwords", "keys") and before[-1] not in _KEY_OF | {"max"}:
        return SecretName.TOKEN if before[-1] != "public" else None
    return SecretName.WEAK if last in _PLURALS else None
