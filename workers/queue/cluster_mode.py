"""Whether Redis distributes keys.

Celery's broker uses commands over several keys, and follows no redirection. With Azure Managed Redis, the clustering policy
decides (docs/redis.md).
"""

import logging

from redis import Redis, RedisError
from redis.exceptions import AskError, ClusterCrossSlotError

from workers.queue.connection import DISTRIBUTES, REDIRECTS, quick_connection
from workers.queue.settings import WorkerSettings

log = logging.getLogger(__name__)

_SAMPLES = 16
"""The number of keys that are read.

With two servers, the probability that one server has all of them is 1 in 32,768.
"""


class UnsupportedRedis(Exception):
    """Redis is in a mode that egress-diag does not support; the message is a sentence."""


def cluster_mode_problem(redis: Redis, prefix: str) -> str | None:
    """`REDIRECTS`, `DISTRIBUTES`, or None. Raises RedisError if Redis does not answer."""
    if redis.info("cluster").get("cluster_enabled"):
        return REDIRECTS
    keys = [f"{prefix}slot-{number}" for number in range(_SAMPLES)]
    try:
        for key in keys:
            redis.exists(key)
        redis.eval("return 1", len(keys), *keys)
    except AskError:  # MOVED is a kind of it
        return REDIRECTS
    except ClusterCrossSlotError:
        return DISTRIBUTES
    return None


def refuse_clusters(config: WorkerSettings) -> None:
    """Raise UnsupportedRedis if Redis is in cluster mode.

    A Redis that does not answer is not refused: the processes wait for it.
    """
    with quick_connection(config.redis_url) as redis:
        try:
            problem = cluster_mode_problem(redis, config.prefix)
        except RedisError as failure:
            log.debug("cluster mode not checked: %s", type(failure).__name__)
            return
    if problem is not None:
        raise UnsupportedRedis(f"Redis {problem}")
