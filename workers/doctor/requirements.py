"""The requirements that the part `workers` of `egress-diag doctor` checks."""

from checks.doctor.requirement_lines import Requirement

_PART = "workers"

REDIS_REACHABLE = Requirement(
    _PART,
    "redis-reachable",
    "Redis answers",
    "Correct REDIS_URL, and allow this pod to connect (NetworkPolicy, firewall; for TLS use rediss://).",
)
REDIS_AUTHENTICATED = Requirement(
    _PART,
    "redis-password",
    "Redis accepts the login",
    "Correct REDIS_PASSWORD, or the user and password in REDIS_URL. With REDIS_AUTH=entra, add the identity of this process to "
    "the users of the Redis (docs/redis.md).",
)
REDIS_VERSION = Requirement(_PART, "redis-version", "Redis is 6.2 or later", "Upgrade Redis or Valkey to 6.2 or later.")
REDIS_CLUSTER = Requirement(
    _PART,
    "redis-cluster",
    "Redis does not distribute keys",
    "Use a Redis without clustering. For Azure Managed Redis, choose the clustering policy Non-clustered; docs/redis.md lists "
    "what works.",
)
REDIS_EVICTION = Requirement(
    _PART,
    "redis-eviction",
    "Redis evicts nothing",
    "Run redis-cli CONFIG SET maxmemory-policy noeviction, and set it in Redis' configuration: with any other policy queued "
    "commands are lost when memory runs short.",
)
REDIS_PERSISTENCE = Requirement(
    _PART,
    "redis-persistence",
    "Redis persists its data",
    "Run redis-cli CONFIG SET appendonly yes, and set it in Redis' configuration, on a volume that outlives the pod.",
)
REDIS_MEMORY = Requirement(
    _PART,
    "redis-memory",
    "Redis has free memory",
    "Raise maxmemory and the pod's memory limit, or keep runs for a shorter time (retention in the configuration).",
)
REDIS_WRITABLE = Requirement(
    _PART,
    "redis-writable",
    "Redis accepts writes",
    "Let REDIS_URL name the primary, not a replica. If Redis is out of memory, raise maxmemory. MISCONF: its volume is full.",
)
PROCESS_ALIVE = Requirement(
    _PART,
    "process-alive",
    "The process is running",
    "Check its pod with kubectl get pods and kubectl logs. It needs the same REDIS_URL and EGRESS_DIAG_KEY_PREFIX as this one.",
)
ACTION_WORKER = Requirement(
    _PART,
    "action-worker",
    "A worker takes active steps",
    "Set actions.enabled in the chart, or run egress-diag worker --queues actions. If active steps are to be taken on the "
    "command line only, remove probe and restart from the access rules.",
)
PROCESS_VERSION = Requirement(
    _PART,
    "process-version",
    "The process has this version",
    "Let the rollout finish; if it does not, kubectl rollout status shows which Deployment is stuck.",
)
ROUND_AGE = Requirement(
    _PART,
    "round-age",
    "The beat completes its rounds",
    "Check with kubectl logs why the beat completes no round; its liveness probe restarts it if it is stuck.",
)
QUEUE_AGE = Requirement(
    _PART,
    "queue-age",
    "Nothing waits too long",
    "Add workers, or check with kubectl logs why the present ones are stuck. For Slack, run doctor --only slack.",
)
RECORDS_READABLE = Requirement(
    _PART,
    "records-readable",
    "Every record can be read",
    "The log names the error by its token. Records of a later version can be read after an upgrade; delete others in Redis.",
)
SLACK_DELIVERY = Requirement(
    _PART,
    "slack-delivery",
    "Slack accepts the messages",
    "The code is explained in docs/slack-errors.md. For tokens, scopes and channels, run doctor --only slack in the bot.",
)

WORKER_REQUIREMENTS = (
    REDIS_REACHABLE,
    REDIS_AUTHENTICATED,
    REDIS_VERSION,
    REDIS_CLUSTER,
    REDIS_EVICTION,
    REDIS_PERSISTENCE,
    REDIS_MEMORY,
    REDIS_WRITABLE,
    PROCESS_ALIVE,
    ACTION_WORKER,
    PROCESS_VERSION,
    ROUND_AGE,
    QUEUE_AGE,
    RECORDS_READABLE,
    SLACK_DELIVERY,
)
