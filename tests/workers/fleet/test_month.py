"""A scripted month gives exactly the expected digests and handoffs.

It has a clock change, outages, restarts, two schedulers and a flapping gateway.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest

from checks.config.configuration import AccessRule, ClusterConfig, Config, DigestConfig
from checks.model.findings import Verdict
from tests.bot.stories import BROKEN, done
from tests.workers.fleet.fleet_world import Truth, World, steps
from workers.queue.settings import WorkerSettings
from workers.records import handoff
from workers.records.digest import Digest

BERLIN = ZoneInfo("Europe/Berlin")
FLAPPING, FAILING, MOVING, STEADY = "team/flap", "team/fail", "team/move", "team/well"


def local(text: str) -> datetime:
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=BERLIN).astimezone(UTC)


def between(now: datetime, first: str, last: str) -> bool:
    return local(first) <= now < local(last)


def script(cluster: str, gateway: str, now: datetime) -> Truth:
    if gateway == FLAPPING and between(now, "03-05 00:00", "03-05 06:00") and now.astimezone(BERLIN).hour % 2 == 0:
        return Truth(Verdict.BROKEN, "proxy-not-ready")
    if gateway == FAILING and between(now, "03-11 12:00", "03-13 15:00"):
        return Truth(Verdict.BROKEN)
    if gateway == MOVING and now >= local("03-25 13:00"):
        return Truth(prefix="20.99.0.0/30")
    return Truth()


def problems(cluster: str, now: datetime) -> str:
    if cluster == "prod-weu" and between(now, "03-20 08:00", "03-20 10:00"):
        return "the API server refused the connection"
    return ""


def answers(cluster: str, now: datetime) -> bool:
    return not (cluster == "prod-neu" and between(now, "03-22 08:50", "03-22 09:50"))


def is_down(now: datetime) -> bool:
    """Whether the installation is down."""
    return between(now, "03-10 08:30", "03-10 11:00") or between(now, "03-14 20:00", "03-16 12:00")


@pytest.fixture
def world(redis_url: str) -> World:
    config = Config(
        clusters=tuple(
            ClusterConfig(name=name, subscription_id="s", resource_group="g") for name in ("prod-weu", "prod-neu")
        ),
        access=(AccessRule(allow=("handoff",), users=("*",)),),
        digests=(
            DigestConfig(channel="C0OPS", time="09:00", zone="Europe/Berlin"),
            DigestConfig(channel="C0LEAD", time="08:00", days="mon", zone="Europe/Berlin", show="full"),
        ),
    )
    gateways = {"prod-weu": (FLAPPING, FAILING, STEADY), "prod-neu": (MOVING,)}
    settings = WorkerSettings(redis_url=redis_url, prefix="month:")
    return World(settings, config, script, gateways, problems, answers)


@dataclass(frozen=True)
class DigestText:
    """A digest as text."""

    at: str
    unchecked: tuple[str, ...] = ()
    broke: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    prefix_changes: tuple[str, ...] = ()
    late: bool = False
    weekly: bool = False


def digest_text(digest: Digest) -> DigestText:
    return DigestText(
        at=digest.at.astimezone(BERLIN).strftime("%m-%d %H:%M"),
        unchecked=tuple(each.cluster for each in digest.unchecked),
        broke=tuple(each.gateway for each in digest.broke),
        fixed=tuple(f"{each.gateway} x{each.times} {each.outage_seconds / 3600:.0f}h" for each in digest.fixed),
        still=tuple(f"{each.gateway} day {each.day}" for each in digest.still),
        prefix_changes=tuple(
            f"{each.gateway} {each.drift[0].before} {each.drift[0].after}" for each in digest.prefix_changes
        ),
        late=digest.order.late,
        weekly=digest.order.weekly,
    )


def played(world: World) -> Iterator[tuple[str, DigestText]]:
    """Play the whole month: two schedulers, restarted every night."""
    one, other = world.connect(), world.connect()
    for now in clock():
        if now.astimezone(BERLIN).strftime("%H:%M") == "03:00":
            one.close()
            other.close()
            one, other = world.connect(), world.connect()
        if is_down(now):
            continue
        for each in (one, other):
            world.tick(each, now)
    ids = [key.rpartition("digest:doc:")[2] for key in map(str, one.stores.redis.keys("month:digest:doc:*"))]
    digests = sorted((d for each in ids if (d := one.stores.fleet.digests.get(each)) is not None), key=lambda d: d.at)
    yield from ((digest.order.channel, digest_text(digest)) for digest in digests)
    one.close()
    other.close()


def clock() -> list[datetime]:
    """The month in steps of ten minutes around the digests, else of an hour.

    On the 26th the clock jumps back three hours and continues from there.
    """
    jump = local("03-26 11:00")
    moments = [
        *steps(local("03-01 00:00"), jump, 10),
        *steps(jump - timedelta(hours=3), local("03-31 23:50"), 10),
    ]
    return [each for each in moments if each.minute == 0 or 8 <= each.astimezone(BERLIN).hour < 10]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_month_gives_the_digests_of_its_script_and_no_other(world: World) -> None:
    found = list(played(world))
    daily = {each.at: each for channel, each in found if channel == "C0OPS"}
    expected = {f"03-{day:02} 09:00": DigestText(f"03-{day:02} 09:00") for day in range(1, 32)}
    # Down at 09:00 on the 10th: sent directly afterwards. Down on two mornings: only the later digest is sent.
    for day, comes in ((10, "03-10 11:00"), (14, "03-14 09:00"), (15, ""), (16, "03-16 12:00"), (22, "03-22 09:10")):
        del expected[f"03-{day:02} 09:00"]
        if comes:
            expected[comes] = DigestText(comes, late=day in (10, 16))
    columns: dict[str, dict[str, object]] = {
        "03-05 09:00": {"fixed": (f"{FLAPPING} x3 3h",)},
        "03-12 09:00": {"broke": (FAILING,)},
        "03-13 09:00": {"still": (f"{FAILING} day 2",)},
        "03-14 09:00": {"fixed": (f"{FAILING} x1 51h",)},
        "03-20 09:00": {"unchecked": ("prod-weu",)},
        "03-22 09:10": {"unchecked": ("prod-neu",)},
        "03-26 09:00": {"prefix_changes": (f"{MOVING} 20.50.60.0/30 20.99.0.0/30",)},
    }
    # The first digest of each week lists all counts: on Mondays, and the very first one.
    for at in ("03-01 09:00", "03-02 09:00", "03-09 09:00", "03-16 12:00", "03-23 09:00", "03-30 09:00"):
        columns.setdefault(at, {})["weekly"] = True
    for at, words in columns.items():
        expected[at] = DigestText(at, **{"late": expected[at].late, **words})  # type: ignore[arg-type]
    assert daily == expected
    assert len(found) == len(expected) + 5
    weekly = [each.at for channel, each in found if channel == "C0LEAD"]
    assert weekly == ["03-02 08:00", "03-09 08:00", "03-16 12:00", "03-23 08:00", "03-30 08:00"]


def test_a_crash_after_a_digest_was_composed_does_not_change_it(world: World) -> None:
    """The scheduler composed the digest and died before it removed the order.

    A gateway is broken by then.
    """
    client = world.connect()
    for now in steps(local("03-11 08:50"), local("03-11 09:20"), 10):
        world.tick(client, now)
    (key,) = client.stores.redis.keys("month:digest:doc:*")
    name = str(key).rpartition("digest:doc:")[2]
    composed = client.stores.fleet.digests.get(name)
    assert composed is not None
    client.stores.redis.zadd("month:digests", {name: 0})
    for now in steps(local("03-11 12:00"), local("03-11 13:00"), 30):
        world.tick(client, now)
    assert client.stores.fleet.digests.get(name) == composed
    assert client.stores.redis.zcard("month:digests") == 0
    client.close()


def test_a_run_at_the_first_moment_of_a_shift_belongs_to_it(world: World) -> None:
    """The run that ended as the shift began is linked in the handoff.

    An earlier one belonged to the last shift.
    """
    client = world.connect()
    for now in steps(local("03-12 16:00"), local("03-12 18:00"), 30):
        world.tick(client, now)
    order = handoff.HandoffOrder("h5", "C0OPS", "U1", local("03-12 18:00"), timedelta(hours=8), ("prod-weu",))
    begin = local("03-12 10:00")
    for name, ended in (("fail", begin), ("well", begin - timedelta(microseconds=1))):
        report = replace(BROKEN, cluster="prod-weu", namespace="team", gateway=name)
        client.stores.history.record_verdict(replace(done(report), id=f"run-of-{name}", ended=ended))
    found = client.stores.fleet.handoffs.preview(order, ())
    assert found.coverage.runs == 1
    assert found.links == {f"prod-weu {FAILING}": "run-of-fail"}
    client.close()


def test_a_shift_is_handed_over_once_and_reminded_of_once(world: World) -> None:
    client = world.connect()
    for now in steps(local("03-12 08:00"), local("03-12 18:00"), 30):
        world.tick(client, now)
    evening = local("03-12 18:00")
    order = handoff.HandoffOrder(
        "h1", "C0OPS", "U1", evening, timedelta(hours=8), ("prod-weu", "prod-neu"), "U2", "pool is with Azure"
    )
    assert client.stores.fleet.handoffs.hand_over(order, ())
    assert not client.stores.fleet.handoffs.hand_over(order, ())
    found = client.stores.fleet.handoffs.get("h1")
    assert found is not None
    assert [line.gateway for line in found.open] == [FAILING]
    assert found.fixed == ()
    assert (found.coverage.clusters, found.coverage.gateways) == (2, 4)
    assert found.coverage.sweeps >= 16
    assert not found.reminded
    for minutes in (10, 29):
        world.tick(client, evening + timedelta(minutes=minutes))
        assert not (client.stores.fleet.handoffs.get("h1") or found).reminded
    for minutes in (31, 60, 600):
        world.tick(client, evening + timedelta(minutes=minutes))
        assert (client.stores.fleet.handoffs.get("h1") or found).reminded
    revision = client.stores.documents.revision("handoff/h1")
    world.tick(client, evening + timedelta(hours=12))
    assert client.stores.documents.revision("handoff/h1") == revision
    client.close()


def test_the_first_user_who_takes_a_handoff_owns_what_is_open(world: World) -> None:
    client = world.connect()
    for now in steps(local("03-12 15:00"), local("03-12 18:00"), 60):
        world.tick(client, now)
    evening = local("03-12 18:00")
    order = handoff.HandoffOrder("h2", "C0OPS", "U1", evening, timedelta(hours=8), ("prod-weu",))
    client.stores.fleet.handoffs.hand_over(order, ())
    taken = client.stores.fleet.handoffs.take("h2", "U2", evening + timedelta(minutes=3))
    assert taken is not None
    assert taken.taken_by == "U2"
    again = client.stores.fleet.handoffs.take("h2", "U3", evening + timedelta(minutes=4))
    assert again is not None
    assert again.taken_by == "U2"
    world.tick(client, evening + timedelta(hours=1))
    assert not (client.stores.fleet.handoffs.get("h2") or taken).reminded
    later = handoff.HandoffOrder("h3", "C0OPS", "U2", evening + timedelta(hours=1), timedelta(hours=1), ("prod-weu",))
    assert [line.owner for line in client.stores.fleet.handoffs.preview(later, ()).open] == ["U2"]
    client.close()


def test_an_empty_shift_reports_its_number_of_checks(world: World) -> None:
    client = world.connect()
    for now in steps(local("03-02 00:00"), local("03-02 08:00"), 10):
        world.tick(client, now)
    order = handoff.HandoffOrder(
        "h4", "C0OPS", "U1", local("03-02 08:00"), timedelta(hours=8), ("prod-weu", "prod-neu")
    )
    found = client.stores.fleet.handoffs.preview(order, ())
    assert found.quiet
    assert (found.coverage.clusters, found.coverage.gateways, found.coverage.missed) == (2, 4, 0)
    assert found.coverage.sweeps >= 14
    client.close()


def test_memory_grows_with_transitions_and_not_with_checks(world: World) -> None:
    client = world.connect()
    for now in steps(local("03-01 00:00"), local("03-02 00:00"), 30):
        world.tick(client, now)
    redis = client.stores.redis
    before = redis.zcard("month:fleet:events:prod-weu")
    for now in steps(local("03-02 00:00"), local("03-04 00:00"), 30):
        world.tick(client, now)
    assert redis.zcard("month:fleet:events:prod-weu") == before
    state = orjson.loads(str(redis.hget("month:fleet:state:prod-weu", STEADY)))
    assert state["verdict"] == "healthy"
    client.close()
