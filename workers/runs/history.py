"""The history of each gateway (verdicts, runs, owners) and the inventory of each cluster."""

from collections.abc import Callable
from datetime import UTC, datetime

from redis import Redis

from checks.model.findings import Status, Verdict
from checks.reports.wording import pending_of, roots_of, warnings_of
from workers.records.history import (
    GATEWAY_VERDICT_JSON,
    INVENTORY_JSON,
    OWNERSHIP_JSON,
    PAST_RUN_JSON,
    GatewayVerdict,
    Inventory,
    Ownership,
    PastRun,
)
from workers.records.run import Run
from workers.records.stored import read_record
from workers.runs.bounded import surplus_fields
from workers.runs.compare_and_set import Expected, Transitions, Write, until_applied
from workers.runs.unreadable import UnreadableRecords

_RUNS_KEPT = 200
"""Past runs that are kept of each gateway."""

MOST_GATEWAYS = 1000
"""Gateways of a cluster of which the last verdict and the owner are kept.

Names that were typed, and gateways that were removed, are among them; the oldest make room.
"""


class History:
    """Verdicts, owners and inventories. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int = 30 * 86400) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = keep
        self._transitions = Transitions(redis, prefix)
        self._unreadable = UnreadableRecords(redis, prefix)

    def record_verdict(self, run: Run) -> None:
        """Record the verdict of a run about a whole gateway.

        Recording the same run again changes nothing.
        """
        report = run.report
        if report is None or run.order.target.host or run.order.target.client:
            return
        name = f"{report.namespace}/{report.gateway}"
        causes = roots_of(report) or pending_of(report)
        reason = next(iter(report.not_checked), None) if report.verdict is Verdict.INCONCLUSIVE else None
        at = run.ended or report.started_at
        verdict = GatewayVerdict(
            report.cluster,
            report.namespace,
            report.gateway,
            report.verdict,
            report.root_causes,
            at,
            run.id,
            tuple(dict.fromkeys(each.check for each in pending_of(report))),
            min(filter(None, map(run.beginning, causes)), key=lambda each: each.known, default=None),
            tuple(dict.fromkeys(each.check for each in warnings_of(report) if not each.explained_by)),
            reason.reason if reason is not None else "",
            reason.actions[0].title if reason is not None and reason.actions else "",
        )
        failing = tuple(sorted({f.code for f in report.of(Status.FAIL)}))
        past = PastRun(run.id, at, report.verdict, report.root_causes, failing, run.order.user, run.order.channel)
        noted, past_key = self._key("noted", run.id), self._key("past", report.cluster, name)
        latest = self._key("verdicts", report.cluster)

        def attempt() -> bool | None:
            if self.redis.exists(noted):
                return False
            known = self.redis.hget(latest, name)
            writes: list[Write] = [
                ("SET", noted, "1", "EX", self.keep),
                ("LPUSH", past_key, PAST_RUN_JSON.dump_json(past)),
                ("LTRIM", past_key, 0, _RUNS_KEPT - 1),
                ("EXPIRE", past_key, self.keep),
            ]
            before = self.verdicts(report.cluster).get(name) if known is not None else None
            if before is None or before.at <= at:
                writes += [
                    ("HSET", latest, name, GATEWAY_VERDICT_JSON.dump_json(verdict)),
                    ("EXPIRE", latest, self.keep),
                    *self._surplus(
                        latest,
                        name,
                        lambda: {each: v.at.timestamp() for each, v in self.verdicts(report.cluster).items()},
                    ),
                ]
            expected = [Expected(("EXISTS", noted), 0), Expected(("HGET", latest, name), known)]
            return self._transitions.apply(expected, writes) or None

        until_applied(attempt)

    def forget_recorded(self, run_id: str) -> None:
        """Delete the mark that a run's verdict was recorded.

        The line in the history stays.
        """
        self.redis.delete(self._key("noted", run_id))

    def past_runs(self, cluster: str, gateway: str, count: int = 10) -> tuple[PastRun, ...]:
        """The last runs for a gateway (`namespace/name`), newest first."""
        found = self.redis.lrange(self._key("past", cluster, gateway), 0, count - 1)
        read = self._unreadable.read_values(f"past/{cluster}/{gateway}", found, PAST_RUN_JSON.validate_json)
        return tuple(read)

    def verdicts(self, cluster: str) -> dict[str, GatewayVerdict]:
        """The last verdict of each gateway of a cluster, by `namespace/name`."""
        found = self.redis.hgetall(self._key("verdicts", cluster))

        def read(key: str) -> GatewayVerdict:
            namespace, _, name = key.partition("/")
            return read_record(GATEWAY_VERDICT_JSON, found[key], cluster=cluster, namespace=namespace, gateway=name)

        return dict(self._unreadable.read_each(f"verdict/{cluster}", (str(key) for key in found), read))

    def stored_owner(self, cluster: str, gateway: str) -> tuple[str | bytes | None, Ownership | None]:
        """The owner of a gateway's last incident: as it is stored, and as a record."""
        raw = self.redis.hget(self.owners_key(cluster), gateway)
        if raw is None:
            return None, None
        found = self._unreadable.read_fields(f"owner/{cluster}", {gateway: raw}, OWNERSHIP_JSON.validate_json)
        return raw, next((each for _, each in found), None)

    def owned(self, cluster: str, gateway: str, ownership: Ownership) -> list[Write]:
        """The writes that make a user the owner of the incident of a gateway, for `owners.Owners`."""
        key = self.owners_key(cluster)
        return [
            ("HSET", key, gateway, OWNERSHIP_JSON.dump_json(ownership)),
            ("EXPIRE", key, self.keep),
            *self._surplus(
                key, gateway, lambda: {name: each.at.timestamp() for name, each in self.owners(cluster).items()}
            ),
        ]

    def owners_key(self, cluster: str) -> str:
        """The key of the owners of a cluster."""
        return self._key("owners", cluster)

    def _surplus(self, key: str, field: str, times: Callable[[], dict[str, float]]) -> list[Write]:
        """The removal of the oldest fields of a hash that has grown too large for another one."""
        if self.redis.hlen(key) < MOST_GATEWAYS:
            return []
        return [("HDEL", key, each) for each in surplus_fields(times(), field, MOST_GATEWAYS)]

    def owners(self, cluster: str) -> dict[str, Ownership]:
        """The owner of each gateway's last incident, open or ended, by `namespace/name`."""
        found = self.redis.hgetall(self.owners_key(cluster))
        return dict(self._unreadable.read_fields(f"owner/{cluster}", found, OWNERSHIP_JSON.validate_json))

    def may_refresh(self, cluster: str, seconds: int = 60) -> bool:
        """Whether a cluster's gateways may be read again: once in so many seconds."""
        return bool(self.redis.set(self._key("asked", cluster), "1", nx=True, ex=seconds))

    def keep_inventory(self, cluster: str, gateways: tuple[tuple[str, bool], ...]) -> None:
        """Keep the gateways of a cluster's mesh profile, for suggestions and forms.

        Each is its `namespace/name` and whether it is enabled.
        """
        value = INVENTORY_JSON.dump_json(Inventory(gateways, datetime.now(UTC)))
        self.redis.set(self._key("inventory", cluster), value, ex=self.keep)

    def inventory(self, cluster: str) -> Inventory:
        """The gateways last seen in a cluster's mesh profile, and when."""

        def stored() -> Inventory:
            raw = self.redis.get(self._key("inventory", cluster))
            return INVENTORY_JSON.validate_json(raw) if raw is not None else Inventory()

        return self._unreadable.read_one(f"inventory/{cluster}", stored, Inventory())

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)
