"""The requirements that the part `workers` of `egress-diag doctor` checks."""

from checks.doctor.requirement_lines import Requirement

_PART = "workers"

REDIS_REACHABLE = Requirement(
    _PART,
    "redis-reachable",
    "Redis answers",
    "Correct REDIS_URL, and let this pod reach it (NetworkPolicy, firewall, TLS: rediss://).",
)
REDIS_AUTHENTICATED = Requirement(
    _PART,
    "redis-password",
    "Redis takes the password",
    "Correct REDIS_PASSWORD, or the user and password in REDIS_URL.",
)
REDIS_VERSION = Requirement(_PART, "redis-version", "Redis is 6.2 or later", "Upgrade Redis or Valkey to 6.2 or later.")
REDIS_EVICTION = Requirement(
    _PART,
    "redis-eviction",
    "Redis evicts nothing",
    "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in its configuration: with any other policy queued "
    "commands vanish when memory runs short.",
)
REDIS_PERSISTENCE = Requirement(
    _PART,
    "redis-persistence",
    "Redis keeps what it was given",
    "redis-cli CONFIG SET appendonly yes, and the same in its configuration, on a volume that outlives the pod.",
)
REDIS_MEMORY = Requirement(
    _PART,
    "redis-memory",
    "Redis has memory left",
    "Raise maxmemory and the pod's limit, or keep runs for a shorter time (retention in the configuration).",
)
REDIS_WRITABLE = Requirement(
    _PART,
    "redis-writable",
    "Redis can be written",
    "REDIS_URL has to name the primary, not a replica; out of memory: raise maxmemory; MISCONF: its volume is full.",
)
PROCESS_ALIVE = Requirement(
    _PART,
    "process-alive",
    "The process takes part",
    "Look at its pod: kubectl get pods, kubectl logs. It needs the same REDIS_URL and EGRESS_DIAG_KEY_PREFIX as this one.",
)
PROCESS_VERSION = Requirement(
    _PART,
    "process-version",
    "The process is of this version",
    "Let the rollout finish; if it does not, kubectl rollout status tells which Deployment is stuck.",
)
QUEUE_AGE = Requirement(
    _PART,
    "queue-age",
    "Nothing waits for long",
    "More workers, or look why those there are stuck: kubectl logs. For Slack: look at --only slack.",
)

WORKER_REQUIREMENTS = (
    REDIS_REACHABLE,
    REDIS_AUTHENTICATED,
    REDIS_VERSION,
    REDIS_EVICTION,
    REDIS_PERSISTENCE,
    REDIS_MEMORY,
    REDIS_WRITABLE,
    PROCESS_ALIVE,
    PROCESS_VERSION,
    QUEUE_AGE,
)
