"""The audit of every command, press and refusal.

Entries go to a stream in Redis and to the structured log. Redis keeps the last entries. The log has all of them, also
while Redis cannot be reached.
"""

import logging
from dataclasses import asdict, dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from checks.model.redaction import redact

log = logging.getLogger("egress_diag.audit")

AUDIT_ENTRIES = 20_000
"""Entries that Redis keeps, and at most some hundred more; together about 2 MB."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry: the user, the action, its target and its outcome."""

    user: str
    channel: str
    what: str
    """`command`, `press`, `mention` or `form`, with the word or button."""
    about: str
    outcome: str
    """`started`, `joined`, `refused`, `mistake`, `done`, `unavailable`…"""
    run: str = ""
    why: str = ""


class Audit:
    """Appends entries. Never raises: the log holds what could not be stored, and says so."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis = redis
        self.key = f"{prefix}audit"

    def append(self, entry: AuditEntry, *, only_log: bool = False) -> None:
        """Append an entry, with Redis' own time as its id.

        With `only_log`, it leaves the room in Redis to entries that are rarer.
        """
        fields: dict[Any, Any] = {name: redact(value) for name, value in asdict(entry).items() if value}
        try:
            if not only_log:
                self.redis.xadd(self.key, fields, maxlen=AUDIT_ENTRIES, approximate=True)
        except RedisError as failure:
            log.error("audit entry not stored (%s)", type(failure).__name__, extra={"audit": fields})  # noqa: TRY400
        log.info("audit %s", " ".join(f"{name}={value!r}" for name, value in fields.items()), extra={"audit": fields})

    def last(self, count: int = 100) -> tuple[dict[str, str], ...]:
        """The newest entries, newest first; `at` is in milliseconds since 1970."""
        found = self.redis.xrevrange(self.key, count=count) or []
        return tuple(
            {"at": str(name).split("-")[0], **{str(key): str(value) for key, value in (fields or {}).items()}}
            for name, fields in found
        )
