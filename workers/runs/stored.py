"""Orders, targets and runs in the form in which Redis keeps them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from checks.model.findings import Finding
from checks.model.raw_values import parse_moment
from checks.reports.document import from_json
from workers.runs.records import Order, Run, RunState, Target


def target_to_json(target: Target) -> dict[str, Any]:
    """A target as it is kept."""
    return {
        "cluster": target.cluster,
        "gateway": target.gateway,
        "namespace": target.namespace,
        "host": target.host,
        "client": target.client,
    }


def target_from_json(raw: dict[str, Any]) -> Target:
    """The target that was kept."""
    return Target(raw["cluster"], raw["gateway"], raw["namespace"], raw["host"], raw["client"])


def order_to_json(order: Order) -> dict[str, Any]:
    """An order as it is kept."""
    return {
        **target_to_json(order.target),
        "user": order.user,
        "channel": order.channel,
        "key": order.key,
        "team": order.team,
        "thread": order.thread,
        "after": order.after,
        "response_url": order.response_url,
        "watch": order.watch,
    }


def order_from_json(raw: dict[str, Any]) -> Order:
    """The order that was kept."""
    return Order(
        target_from_json(raw),
        raw["user"],
        raw["channel"],
        raw["key"],
        raw.get("team", ""),
        raw.get("thread"),
        raw.get("after"),
        raw.get("response_url", ""),
        raw.get("watch", ""),
    )


def run_from_record(run_id: str, record: dict[str, str], findings: list[Finding], joined: Iterable[str]) -> Run:
    """A run from the fields of its record."""
    raw_report = record.get("report")
    return Run(
        id=run_id,
        order=order_from_json(orjson.loads(record["order"])),
        state=RunState(record["state"]),
        created=_moment(record.get("created")) or datetime.fromtimestamp(0, UTC),
        started=_moment(record.get("started")),
        ended=_moment(record.get("ended")),
        attempts=int(record.get("attempts", 0)),
        total=int(record.get("total", 0)),
        findings=tuple(findings),
        report=from_json(orjson.loads(raw_report)) if raw_report else None,
        error=record.get("error", ""),
        problem=record.get("problem", ""),
        choices=tuple(orjson.loads(record.get("choices", "[]"))),
        cancelled_by=record.get("cancelled_by", ""),
        joined=tuple(sorted(joined)),
        owner=record.get("owner", ""),
        later=record.get("later", ""),
    )


def _moment(value: str | None) -> datetime | None:
    return parse_moment(value)
