"""Records of a fleet of three clusters in a week with incidents."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from checks.model.findings import Verdict
from tests.bot import stories
from tests.workers.fleet.fleet_world import Truth, seen
from workers.client import ConnectedClient as Client
from workers.fleet.cluster_state import ClusterState
from workers.fleet.digest_composition import PICTURE_DAYS
from workers.records import digest, handoff
from workers.records.gateway_state import Fault, GatewayCheck, GatewaySetting, SweptCluster, Written
from workers.records.mute import Mute

CLUSTERS = ("prod-weu", "prod-neu", "prod-sea")


def fault(check: str, code: str, summary: str, at: datetime) -> Fault:
    title = stories.CHECKS[check].title
    assert stories.CHECKS[check].code == code
    return Fault(check, code, title, check, summary, f"{check}/{summary}", at)


POOL = "StaticGatewayConfiguration payments/sgc-payments uses node pool gwpol, which does not exist."
ISTIOD = "No istiod of asm-1-30 is ready."
PREFIX = "20.71.4.16/30"


def gateway(cluster: str, name: str, at: datetime, truth: Truth, by: str, *faults: Fault) -> GatewayCheck:
    checked = seen(truth, cluster, name, by, at)
    return replace(checked, faults=tuple(replace(each, since=at) for each in faults)) if faults else checked


def play(client: Client, now: datetime) -> None:
    """Record fourteen days with two fleet checks a day."""
    ledger = client.stores.fleet.ledger
    for half in range(27, -1, -1):
        at = now - timedelta(hours=12 * half)
        by = f"s{half}"
        for cluster in CLUSTERS:
            problem = "the API server refused the connection (503)" if cluster == "prod-sea" and half == 0 else ""
            checks = [] if problem else list(_gateway_checks(cluster, half, at, by))
            ledger.record_sweep(SweptCluster(cluster, by, at, len(checks), 4.2, problem), checks, at)
    ledger.mute(
        Mute("prod-neu", "batch/egress-batch", "gateway-pool-unhealthy", "U0BOB", "second node ordered, INC-4711",
             now - timedelta(days=5), now + timedelta(hours=20))
    )  # fmt: skip
    client.stores.fleet.owners.take(
        "prod-weu", "payments/egress-payments", "U0BOB", "button", now - timedelta(hours=30)
    )


def _gateway_checks(cluster: str, half: int, at: datetime, by: str) -> list[GatewayCheck]:
    bad, good = Truth(Verdict.BROKEN), Truth()
    pool = fault("gateway-pool-missing", "EG407", POOL, at)
    istiod = fault("istiod-unhealthy", "EG501", ISTIOD, at)
    single = fault("gateway-pool-unhealthy", "EG408", "Node pool gwbatch has a single node.", at)
    if cluster == "prod-weu":
        rows = [
            gateway(
                cluster, "payments/egress-payments", at, bad if half < 5 else good, by, *([pool] if half < 5 else [])
            ),
            gateway(cluster, "shop/egress-shop", at, bad if half == 0 else good, by, *([istiod] if half == 0 else [])),
            gateway(cluster, "reports/egress-with-a-very-long-name-for-reports", at, good, by),
            gateway(cluster, "fraud/egress-fraud", at, Truth(prefix=PREFIX) if half == 0 else good, by),
        ]
        key = "StaticGatewayConfiguration fraud/sgc-fraud"
        cidrs = '["10.0.0.0/8"]' if half else '["10.0.0.0/8","172.16.0.0/12"]'
        rows[3] = replace(
            rows[3],
            settings=(*rows[3].settings, GatewaySetting(key, "spec.excludeCidrs", cidrs)),
            written=(Written(key, at - timedelta(minutes=20), "kubectl-edit"),),
        )
        return rows
    if cluster == "prod-neu":
        flap = half in (3, 5, 8, 12)
        return [
            replace(gateway(cluster, "batch/egress-batch", at, good, by), risks=(single,), verdict=Verdict.DEGRADED),
            gateway(
                cluster,
                "mail/egress-mail",
                at,
                bad if half == 1 or flap else good,
                by,
                *([istiod] if half == 1 else []),
            ),
        ]
    unknown = Truth(Verdict.INCONCLUSIVE) if half in (1, 2) else good
    return [gateway(cluster, f"team-{n}/egress-{n}", at, unknown if n == 2 else good, by) for n in range(1, 4)]


def order(now: datetime, **changes: object) -> digest.DigestOrder:
    made = digest.DigestOrder(
        id="story",
        channel="C0OPS",
        clusters=CLUSTERS,
        due=now,
        since=now - timedelta(days=1),
        window="w",
        when="Monday to Friday at 09:00 Europe/Berlin",
        zone="Europe/Berlin",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def known(client: Client, now: datetime, first: datetime) -> list[ClusterState]:
    """The recorded state of the three clusters, as the input of a digest."""
    days = [now.date() - timedelta(days=n) for n in reversed(range(PICTURE_DAYS))]
    ledger = client.stores.fleet.ledger
    return [
        ClusterState(
            cluster,
            ledger.states(cluster),
            ledger.transitions(cluster, first, now),
            ledger.sweeps(cluster, first, now)[-1],
            {name: owner.user for name, owner in client.stores.history.owners(cluster).items()},
            ledger.days(cluster, days),
        )
        for cluster in CLUSTERS
    ]


def shift(now: datetime, **changes: object) -> handoff.HandoffOrder:
    made = handoff.HandoffOrder(
        "h0ff",
        "C0OPS",
        "U0ALICE",
        now,
        timedelta(hours=16),
        CLUSTERS,
        "U0BOB",
        "Azure ticket 2611-0042 is open for the pool.",
    )
    return replace(made, **changes)  # type: ignore[arg-type]
