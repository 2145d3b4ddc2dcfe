"""Let everything that is known about a gateway be older, in cards, runs and the ledger."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson

from tests.bot.conversation import Conversation


def age(talk: Conversation, span: timedelta) -> None:
    """Let the last checks of prod-weu be earlier: runs, cards and the state of each gateway."""
    redis = talk.client.stores.redis
    for key in redis.scan_iter("egress-diag:run:*"):
        if redis.type(key) == "hash":
            _earlier(redis, key, span, ("created", "started", "ended"))
    _earlier_records(
        redis, "egress-diag:cards:prod-weu", span, ("began", "at", "active", "ended", "certain_at", "gone")
    )
    times = ("at", "since", "unseen", "well_at", "known_since", "starting_since", "incident_since", "incident_ended")
    _earlier_records(redis, "egress-diag:fleet:state:prod-weu", span, times)


def _earlier(redis: Any, key: str, span: timedelta, fields: tuple[str, ...]) -> None:
    for each in fields:
        if found := redis.hget(key, each):
            redis.hset(key, each, (datetime.fromisoformat(found) - span).isoformat())


def _earlier_records(redis: Any, key: str, span: timedelta, fields: tuple[str, ...]) -> None:
    for name, raw in redis.hgetall(key).items():
        record = orjson.loads(raw)
        for each in fields:
            if record.get(each):
                record[each] = (datetime.fromisoformat(record[each]) - span).isoformat()
        redis.hset(key, name, orjson.dumps(record).decode())
