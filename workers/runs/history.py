"""The history of each gateway (verdicts, runs, owners) and the inventory of each cluster."""

from datetime import UTC, datetime

from redis import Redis

from checks.model.findings import Status
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
from workers.records.listing import LISTING_JSON, Listing
from workers.records.run import Run
from workers.records.stored import read_record

_RUNS_KEPT = 200
"""Past runs that are kept of each gateway."""

_RECORD_VERDICT = """
if redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[4]) == false then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, ARGV[5] - 1)
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('HSET', KEYS[3], ARGV[3], ARGV[2])
return 1
"""


class History:
    """Verdicts, owners and inventories. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int = 30 * 86400) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = keep
        self._record = redis.register_script(_RECORD_VERDICT)

    def record_verdict(self, run: Run) -> None:
        """Record the verdict of a run about a whole gateway.

        Recording the same run again changes nothing.
        """
        report = run.report
        if report is None or run.order.target.host or run.order.target.client:
            return
        name = f"{report.namespace}/{report.gateway}"
        at = run.ended or report.started_at
        verdict = GatewayVerdict(
            report.cluster, report.namespace, report.gateway, report.verdict, report.root_causes, at, run.id
        )
        failing = tuple(sorted({f.code for f in report.of(Status.FAIL)}))
        past = PastRun(run.id, at, report.verdict, report.root_causes, failing, run.order.user, run.order.channel)
        self._record(
            keys=[
                self._key("noted", run.id),
                self._key("past", report.cluster, name),
                self._key("verdicts", report.cluster),
            ],
            args=[PAST_RUN_JSON.dump_json(past), GATEWAY_VERDICT_JSON.dump_json(verdict), name, self.keep, _RUNS_KEPT],
        )

    def forget_recorded(self, run_id: str) -> None:
        """Delete the mark that a run's verdict was recorded.

        The line in the history stays.
        """
        self.redis.delete(self._key("noted", run_id))

    def past_runs(self, cluster: str, gateway: str, count: int = 10) -> tuple[PastRun, ...]:
        """The last runs for a gateway (`namespace/name`), newest first."""
        found = self.redis.lrange(self._key("past", cluster, gateway), 0, count - 1)
        return tuple(PAST_RUN_JSON.validate_json(raw) for raw in found)

    def verdicts(self, cluster: str) -> dict[str, GatewayVerdict]:
        """The last verdict of each gateway of a cluster, by `namespace/name`."""
        found: dict[str, GatewayVerdict] = {}
        for key, raw in self.redis.hgetall(self._key("verdicts", cluster)).items():
            namespace, _, name = str(key).partition("/")
            found[str(key)] = read_record(GATEWAY_VERDICT_JSON, raw, cluster=cluster, namespace=namespace, gateway=name)
        return found

    def own_run(self, run: Run, user: str) -> None:
        """Make a user the owner of the incident of a run's gateway, for handoff and App Home."""
        name = f"{run.report.namespace}/{run.report.gateway}" if run.report else run.order.target.gateway
        self._set_owner(run.order.target.cluster, name, Ownership(user, datetime.now(UTC), run.id))

    def own_gateway(self, cluster: str, gateway: str, user: str, at: datetime) -> None:
        """Make a user the owner of a gateway's incident, by taking a handoff."""
        self._set_owner(cluster, gateway, Ownership(user, at))

    def owners(self, cluster: str) -> dict[str, Ownership]:
        """The owner of each gateway's last incident, open or ended, by `namespace/name`."""
        found = self.redis.hgetall(self._key("owners", cluster))
        return {str(name): OWNERSHIP_JSON.validate_json(raw) for name, raw in found.items()}

    def _set_owner(self, cluster: str, gateway: str, ownership: Ownership) -> None:
        self.redis.hset(self._key("owners", cluster), gateway, OWNERSHIP_JSON.dump_json(ownership).decode())

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
        raw = self.redis.get(self._key("inventory", cluster))
        return INVENTORY_JSON.validate_json(raw) if raw is not None else Inventory()

    def save_listing(self, listing: Listing) -> None:
        """Keep the state of one `list` answer for an hour."""
        self.redis.set(self._key("listing", listing.id), LISTING_JSON.dump_json(listing), ex=3600)

    def listing(self, listing_id: str) -> Listing | None:
        """One `list` answer, or None if it is too old."""
        raw = self.redis.get(self._key("listing", listing_id))
        return read_record(LISTING_JSON, raw, id=listing_id) if raw is not None else None

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)
