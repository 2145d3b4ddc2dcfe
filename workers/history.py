"""What runs leave behind of each gateway: its last verdict, and the inventory of each cluster."""

from datetime import UTC, datetime

import orjson
from redis import Redis

from checks.facts.reading import parse_moment
from checks.findings import Verdict
from workers.records import GatewayVerdict, Listing, ListingState, Run


class History:
    """Verdicts and inventories. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int = 30 * 86400) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = keep

    def note(self, run: Run) -> None:
        """Keeps the verdict of a run that asked about the whole gateway."""
        report = run.report
        if report is None or run.order.target.host:
            return
        value = orjson.dumps(
            {
                "verdict": report.verdict.value,
                "root_causes": list(report.root_causes),
                "at": report.started_at.isoformat(),
                "run": run.id,
            }
        ).decode()
        self.redis.hset(self._key("verdicts", report.cluster), f"{report.namespace}/{report.gateway}", value)

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
