"""What runs leave behind of each gateway: its last verdict, and the inventory of each cluster."""

from datetime import UTC, datetime

import orjson
from redis import Redis

from checks.model.findings import Status, Verdict
from checks.model.raw_values import parse_moment
from workers.runs.records import GatewayVerdict, Listing, ListingState, PastRun, Run

KEPT = 200
"""Runs that are remembered of each gateway."""

_NOTE = """
if redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[4]) == false then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, ARGV[5] - 1)
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('HSET', KEYS[3], ARGV[3], ARGV[2])
return 1
"""


class History:
    """Verdicts and inventories. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int = 30 * 86400) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = keep
        self._note = redis.register_script(_NOTE)

    def note(self, run: Run) -> None:
        """Keeps the verdict of a run that asked about the whole gateway; the same run again changes nothing."""
        report = run.report
        if report is None or run.order.target.host or run.order.target.client:
            return
        name = f"{report.namespace}/{report.gateway}"
        verdict = {
            "verdict": report.verdict.value,
            "root_causes": list(report.root_causes),
            "at": (run.ended or report.started_at).isoformat(),
            "run": run.id,
        }
        failing = sorted({f.code for f in report.of(Status.FAIL)})
        past = {**verdict, "failing": failing, "user": run.order.user, "channel": run.order.channel}
        self._note(
            keys=[
                self._key("noted", run.id),
                self._key("past", report.cluster, name),
                self._key("verdicts", report.cluster),
            ],
            args=[orjson.dumps(past).decode(), orjson.dumps(verdict).decode(), name, self.keep, KEPT],
        )

    def past(self, cluster: str, gateway: str, count: int = 10) -> tuple[PastRun, ...]:
        """The last runs for a gateway (`namespace/name`), newest first."""
        found = [orjson.loads(raw) for raw in self.redis.lrange(self._key("past", cluster, gateway), 0, count - 1)]
        return tuple(
            PastRun(
                raw["run"],
                parse_moment(raw["at"]) or datetime.fromtimestamp(0, UTC),
                Verdict(raw["verdict"]),
                tuple(raw["root_causes"]),
                tuple(raw["failing"]),
                raw["user"],
                raw["channel"],
            )
            for raw in found
        )

    def verdicts(self, cluster: str) -> dict[str, GatewayVerdict]:
        """The last verdict of each gateway of a cluster, by `namespace/name`."""
        found: dict[str, GatewayVerdict] = {}
        for key, value in self.redis.hgetall(self._key("verdicts", cluster)).items():
            raw = orjson.loads(value)
            namespace, _, name = str(key).partition("/")
            found[str(key)] = GatewayVerdict(
                cluster,
                namespace,
                name,
                Verdict(raw["verdict"]),
                tuple(raw["root_causes"]),
                parse_moment(raw["at"]) or datetime.fromtimestamp(0, UTC),
                raw["run"],
            )
        return found

    def own(self, run: Run, user: str) -> None:
        """Who is on a gateway's problem, since when, and by which run: for the handoff and the App Home."""
        name = f"{run.report.namespace}/{run.report.gateway}" if run.report else run.order.target.gateway
        value = {"user": user, "at": datetime.now(UTC).isoformat(), "run": run.id}
        self.redis.hset(self._key("owners", run.order.target.cluster), name, orjson.dumps(value).decode())

    def owners(self, cluster: str) -> dict[str, str]:
        """Who is on it, by `namespace/name`; of problems that are gone, too."""
        found = self.redis.hgetall(self._key("owners", cluster))
        return {str(name): str(orjson.loads(value)["user"]) for name, value in found.items()}

    def take(self, cluster: str, gateway: str, user: str, at: datetime) -> None:
        """Somebody takes a gateway's problem over from a shift."""
        value = {"user": user, "at": at.isoformat(), "run": ""}
        self.redis.hset(self._key("owners", cluster), gateway, orjson.dumps(value).decode())

    def owned(self, cluster: str) -> dict[str, tuple[str, datetime]]:
        """Who is on it and since when, by `namespace/name`; of problems that are gone, too."""
        found = {str(name): orjson.loads(raw) for name, raw in self.redis.hgetall(self._key("owners", cluster)).items()}
        never = datetime.fromtimestamp(0, UTC)
        return {name: (str(each["user"]), parse_moment(each["at"]) or never) for name, each in found.items()}

    def asks_again(self, cluster: str, seconds: int = 60) -> bool:
        """Whether a cluster may be asked again for its gateways: once in so many seconds."""
        return bool(self.redis.set(self._key("asked", cluster), "1", nx=True, ex=seconds))

    def keep_inventory(self, cluster: str, gateways: tuple[tuple[str, bool], ...]) -> None:
        """Keeps which gateways a cluster's profile has (`namespace/name`, enabled): for suggestions and forms."""
        value = orjson.dumps({"gateways": gateways, "at": datetime.now(UTC).isoformat()}).decode()
        self.redis.set(self._key("inventory", cluster), value, ex=self.keep)

    def inventory(self, cluster: str) -> tuple[tuple[tuple[str, bool], ...], datetime | None]:
        """The gateways last seen in a cluster's profile, and when that was; nothing and None where never."""
        raw = self.redis.get(self._key("inventory", cluster))
        if raw is None:
            return (), None
        value = orjson.loads(raw)
        return tuple((str(name), bool(on)) for name, on in value["gateways"]), parse_moment(value["at"])

    def save_listing(self, listing: Listing) -> None:
        """Keeps the state of one `list` answer for an hour."""
        value = {
            "cluster": listing.cluster,
            "user": listing.user,
            "channel": listing.channel,
            "response_url": listing.response_url,
            "state": listing.state.value,
            "gateways": listing.gateways,
            "problem": listing.problem,
            "at": listing.at.isoformat() if listing.at else None,
        }
        self.redis.set(self._key("listing", listing.id), orjson.dumps(value).decode(), ex=3600)

    def listing(self, listing_id: str) -> Listing | None:
        """One `list` answer, or None where it is too old."""
        raw = self.redis.get(self._key("listing", listing_id))
        if raw is None:
            return None
        value = orjson.loads(raw)
        return Listing(
            id=listing_id,
            cluster=value["cluster"],
            user=value["user"],
            channel=value["channel"],
            response_url=value["response_url"],
            state=ListingState(value["state"]),
            gateways=tuple((str(name), bool(on)) for name, on in value["gateways"]),
            problem=value["problem"],
            at=parse_moment(value["at"]),
        )

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)
