"""The lines of `egress-diag doctor` about the Redis server itself."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis
from redis import exceptions as broken

from checks.doctor.requirement_lines import DoctorLine
from workers.doctor.requirements import (
    REDIS_EVICTION,
    REDIS_MEMORY,
    REDIS_PERSISTENCE,
    REDIS_VERSION,
    REDIS_WRITABLE,
)
from workers.queue.settings import WorkerSettings
from workers.telemetry.memory import RedisMemory, memory_use

LEAST_VERSION = (6, 2)
_RECENT = timedelta(days=1)
"""The time for which doctor reports evidence that was deleted early."""


def login(password: str | None, config: WorkerSettings) -> str:
    """The login that Redis accepted."""
    if config.redis_auth == "entra":
        return "Entra token accepted"
    return "password accepted" if password else "no password required"


def connection_problem(error: broken.RedisError) -> str:
    """The reason why there is no connection."""
    match error:
        case broken.TimeoutError():
            return "no answer within half a second"
        case _ if "SSL" in str(error) or "certificate" in str(error):
            return f"TLS failed: {error}"
        case _:
            return "no connection"


def server_lines(redis: Redis, info: dict[str, Any], config: WorkerSettings) -> Iterator[DoctorLine]:
    """Version, eviction, persistence, memory and writes; `info` is the reply to INFO."""
    version = str(info.get("redis_version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    yield (
        REDIS_VERSION.passed(version)
        if numbers >= LEAST_VERSION
        else REDIS_VERSION.failed(version or "no version reported")
    )
    policy = str(info.get("maxmemory_policy", ""))
    yield (
        REDIS_EVICTION.passed(policy)
        if policy == "noeviction"
        else REDIS_EVICTION.failed(f"maxmemory-policy is {policy}")
    )
    yield _persistence(redis, info)
    yield _memory(redis, info, config)
    yield _writable(redis, config)


def _persistence(redis: Redis, info: dict[str, Any]) -> DoctorLine:
    if info.get("aof_enabled"):
        if info.get("aof_last_write_status") == "err":
            return REDIS_PERSISTENCE.failed("the append-only file cannot be written", fix="Free or enlarge its volume.")
        return REDIS_PERSISTENCE.passed("append-only file")
    try:
        snapshots = redis.config_get("save").get("save")
    except broken.ResponseError:
        return REDIS_PERSISTENCE.not_checked(
            "no append-only file; this Redis does not report whether it makes snapshots",
            fix="For a managed Redis, check its data persistence in the Azure portal.",
        )
    if snapshots:
        return REDIS_PERSISTENCE.warned("snapshots only: a crash loses everything accepted since the last one")
    return REDIS_PERSISTENCE.failed("neither an append-only file nor snapshots: a restart loses every run")


def _memory(redis: Redis, info: dict[str, Any], config: WorkerSettings) -> DoctorLine:
    use = memory_use(info)
    if use.surplus > 0:
        return REDIS_MEMORY.failed(str(use))
    deleted = RedisMemory(redis, config.prefix).deleted()
    if deleted is None or datetime.now(UTC) - deleted.at > _RECENT:
        return REDIS_MEMORY.passed(str(use))
    runs = f"the evidence of runs before {deleted.kept_since:%Y-%m-%d %H:%M} UTC was deleted early"
    return REDIS_MEMORY.warned(f"{use}; {runs}, {deleted.count} bundles so far")


def _writable(redis: Redis, config: WorkerSettings) -> DoctorLine:
    try:
        redis.set(f"{config.prefix}doctor", "1", ex=10)
    except broken.RedisError as refused:
        return REDIS_WRITABLE.failed(str(refused) or type(refused).__name__)
    return REDIS_WRITABLE.passed("a key was written")
