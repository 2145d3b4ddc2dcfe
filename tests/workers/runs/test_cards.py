"""Cards change in the transition of what they show: a killed process loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import orjson
import pytest
import redis

from checks.config.configuration import Config
from checks.config.configuration_file import load
from checks.model.findings import Report, Verdict
from tests.bot import stories
from tests.clusters.compose import named, write_bundle
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.queue.settings import WorkerSettings
from workers.records.card import CARD_JSON, QUIET, Card
from workers.records.gateway_state import GatewayCheck, SweptCluster
from workers.records.run import Order, Run, Target
from workers.runs import card_changes
from workers.runs.card_changes import MOST_OWNER_CHANGES, SeenCheck, after_check
from workers.runs.cards import MOST_CARDS

GATEWAY = "payments/egress"
TARGET = Target("prod-weu", "egress", "payments")
NOW = datetime.now(UTC)
START = datetime(2026, 11, 23, 3, 4, tzinfo=UTC)
KEY = "egress-diag:cards:prod-weu"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder: Path = tmp_path_factory.mktemp("clusters")
    write_bundle(named("base"), folder / "base")
    (folder / "egress-diag.yaml").write_text("clusters:\n  - {name: prod-weu, bundle: base}\n", encoding="utf-8")
    return load(folder / "egress-diag.yaml")


@pytest.fixture
def client(redis_url: str, config: Config) -> Iterator[Client]:
    found = connect(WorkerSettings(REDIS_URL=redis_url), config, retry=True)
    yield found
    found.close()


def checked(
    client: Client, found: Report, key: str = "command/1", target: Target = TARGET, channel: str = "C0OPS"
) -> Run:
    """A run that a worker has ended; the worker is killed immediately after."""
    run = client.start(Order(target, "U0ALICE", channel, key)).run
    assert client.stores.runs.finish(run, found)
    ended = client.get(Run, run.id)
    assert ended is not None
    return ended


def card_of(client: Client, channel: str = "C0OPS") -> Card:
    found = client.stores.cards.find(channel, TARGET)
    assert found is not None
    return found


def shown(client: Client, document: str) -> None:
    """Let Slack show a document."""
    client.stores.documents.end_delivery(document, client.stores.documents.revision(document))


# the end of a run


def test_the_end_of_a_run_opens_and_closes_the_card_and_makes_its_message_due(client: Client) -> None:
    first = checked(client, stories.BROKEN)
    assert (card_of(client).run, card_of(client).verdict) == (first.id, Verdict.BROKEN)
    assert first.card == card_of(client).key
    shown(client, f"run/{first.id}")
    second = checked(client, stories.HEALTHY, "command/2")
    assert (second.order.card, second.order.after) == (first.id, first.id)
    card = card_of(client)
    assert (card.verdict, card.ended, card.latest) == (Verdict.HEALTHY, second.ended, second.id)
    assert client.stores.documents.is_due(f"run/{first.id}"), "the worker was killed before it could notify the courier"


def test_of_two_checks_that_see_a_change_at_the_same_time_one_reports_it(client: Client) -> None:
    """A run and a check of a watch end in two workers at once."""
    first = checked(client, stories.BROKEN)
    for turn in range(8):
        found = stories.HEALTHY if turn % 2 == 0 else stories.BROKEN
        orders = [Order(TARGET, "U0ALICE", "C0OPS", f"{turn}/{n}", watch="w1" * n, card=first.id) for n in (0, 1)]
        runs = [client.start(each).run for each in orders]
        assert len({each.id for each in runs}) == 2
        begin = Barrier(2)

        def end(run: Run, report: Report = found, begin: Barrier = begin) -> bool:
            begin.wait(10)
            return client.stores.runs.finish(run, report)

        with ThreadPoolExecutor(2) as workers:
            assert all(workers.map(end, runs))
        ended = [client.get(Run, each.id) for each in runs]
        assert sorted(each.news for each in ended if each is not None) == [False, True], turn
        second = next(each for each in ended if each is not None and not each.news)
        assert second.compared == next(each.id for each in runs if each.id != second.id)
    assert card_of(client).times == 5


def test_a_run_that_ends_twice_changes_the_card_once(client: Client) -> None:
    first = checked(client, stories.BROKEN)
    before = card_of(client)
    assert not client.stores.runs.finish(first, stories.HEALTHY)
    assert card_of(client) == before


def test_runs_and_owners_at_once_lose_no_change(client: Client) -> None:
    checked(client, stories.BROKEN)
    by_watch = Order(TARGET, "U0ALICE", "C0OPS", "watch/1/0", watch="1", card=card_of(client).run)
    other = replace(by_watch, key="watch/2/0", watch="2", target=replace(TARGET, namespace=None))
    runs = [client.start(each).run for each in (by_watch, other, Order(TARGET, "U0BOB", "C0OPS", "command/2"))]
    assert len({run.id for run in runs}) == 3
    with ThreadPoolExecutor(16) as both:
        ended = [both.submit(client.stores.runs.finish, run, stories.DEGRADED) for run in runs]
        taken = [both.submit(client.cards.change_owner, "prod-weu", GATEWAY, f"U{n}", "button") for n in range(8)]
        assert all(each.result() for each in ended)
        for each in taken:
            each.result()
    card = card_of(client)
    assert card.verdict is Verdict.DEGRADED
    assert len(card.owners) == 8
    assert [each.number for each in card.owners] == list(range(1, 9))
    assert [each.before for each in card.owners[1:]] == [each.owner for each in card.owners[:-1]]
    assert client.stores.fleet.owners.owner("prod-weu", GATEWAY) == card.owners[-1].owner


def test_a_healthy_gateway_opens_no_card(client: Client) -> None:
    run = checked(client, stories.HEALTHY)
    assert client.stores.cards.find("C0OPS", TARGET) is None
    assert run.card == ""
    again = checked(client, stories.HEALTHY, "command/2")
    assert (again.order.card, again.order.after) == ("", None)


def test_a_name_without_namespace_finds_the_card_unless_it_is_ambiguous(client: Client) -> None:
    first = checked(client, stories.BROKEN, target=replace(TARGET, namespace=None))
    assert client.start(Order(replace(TARGET, namespace=None, gateway="EGRESS"), "U0BOB", "C0OPS", "2")).run.order.card
    other = replace(stories.BROKEN, namespace="shop")
    checked(client, other, "command/3", replace(TARGET, namespace="shop"))
    assert client.stores.cards.find("C0OPS", replace(TARGET, namespace=None)) is None
    assert card_of(client).run == first.id


def test_channels_and_questions_have_cards_of_their_own(client: Client) -> None:
    first = checked(client, stories.BROKEN)
    there = checked(client, stories.BROKEN, "command/2", channel="C0PAY")
    assert there.order.card == ""
    assert card_of(client, "C0PAY").run == there.id
    host = replace(stories.BROKEN, host="api.x.example")
    about = checked(client, host, "command/3", replace(TARGET, host="api.x.example"))
    assert (about.order.card, about.order.after) == (first.id, None)
    assert card_of(client).latest == first.id
    assert client.stores.cards.find("C0OPS", about.order.target) is None, "the thread is that of the gateway's card"


def test_a_card_whose_run_has_expired_is_followed_by_another(client: Client, redis_client: redis.Redis) -> None:
    first = checked(client, stories.BROKEN)
    redis_client.delete(f"egress-diag:run:{first.id}")
    second = checked(client, stories.BROKEN, "command/2")
    assert second.order.card == ""
    assert card_of(client).run == second.id
    assert not redis_client.exists(f"egress-diag:run:{first.id}"), "no record without an end"


def test_a_card_that_cannot_be_read_is_replaced(client: Client, redis_client: redis.Redis) -> None:
    first = checked(client, stories.BROKEN)
    redis_client.hset(KEY, card_of(client).key, "{")
    second = checked(client, stories.BROKEN, "command/2")
    assert second.order.card == ""
    assert card_of(client).run == second.id
    assert client.stores.cards.of_run(first) == card_of(client), "the first message links to the second"
    client.cards.change_owner("prod-weu", GATEWAY, "U0BOB", "button")
    assert client.stores.fleet.owners.owner("prod-weu", GATEWAY) == "U0BOB"


def test_the_cards_of_a_cluster_are_bounded(client: Client, redis_client: redis.Redis) -> None:
    checked(client, stories.BROKEN)
    card = card_of(client)
    others = [
        replace(card, gateway=f"ns/egress-{number}", active=card.active - timedelta(seconds=number))
        for number in range(1, MOST_CARDS + 2)
    ]
    redis_client.hset(KEY, mapping={each.key: CARD_JSON.dump_json(each) for each in others})
    name = "egress-new"
    checked(client, replace(stories.BROKEN, gateway=name), "command/2", replace(TARGET, gateway=name))
    assert redis_client.hlen(KEY) == MOST_CARDS
    assert client.stores.cards.find("C0OPS", replace(TARGET, gateway=name)) is not None
    assert redis_client.hexists(KEY, card.key)
    assert redis_client.hexists(KEY, others[0].key)
    assert not redis_client.hexists(KEY, others[-1].key)
    assert 0 < redis_client.ttl(KEY) <= 30 * 86400


def test_checks_of_a_watch_without_change_keep_the_run_that_the_card_shows(client: Client) -> None:
    """A watch deletes these runs: the buttons of a card must not name one of them."""
    first = checked(client, stories.BROKEN)
    shown(client, f"run/{first.id}")
    order = Order(TARGET, "U0ALICE", "C0OPS", "watch/1/0", watch="1", card=first.id)
    runs = []
    for number, report in enumerate((stories.BROKEN, stories.UNREADY, stories.UNREADY)):
        runs.append(client.start(replace(order, key=f"watch/1/{number}")).run)
        assert client.stores.runs.finish(runs[-1], report)
    assert card_of(client).latest == runs[1].id, "the first check with other causes"
    for run in runs:
        client.stores.discard_run(run.id)
    assert [client.get(Run, run.id) is not None for run in runs] == [False, True, False]


def test_a_card_shows_unchanged_checks_of_a_watch_every_two_minutes() -> None:
    def edits(*seconds: int) -> list[bool]:
        found, card = [], replace(CARD, at=START, latest="a")
        for second in seconds:
            at = START + timedelta(seconds=second)
            later = after_check(card, SeenCheck(Verdict.BROKEN, at, at, (), f"r{second}", of_watch=True))
            found.append(card_changes.is_shown_at_once(card, later, of_watch=True))
            card = later
        assert (card.at, card.latest) == (START + timedelta(seconds=seconds[-1]), "a")
        return found

    assert edits(30, 60, 90, 120, 150, 240) == [False, False, False, True, False, True]


# records of earlier versions


def test_a_message_of_an_earlier_version_becomes_a_card_when_someone_takes_the_incident(
    client: Client, redis_client: redis.Redis
) -> None:
    first = checked(client, stories.BROKEN)
    redis_client.delete(KEY)
    redis_client.hdel(f"egress-diag:run:{first.id}", "card")
    old = client.get(Run, first.id)
    assert old is not None
    assert client.stores.cards.of_run(old) is None
    client.own(old, "U0BOB")
    card = card_of(client)
    assert (card.run, card.verdict) == (first.id, Verdict.BROKEN)
    assert [each.owner for each in card.owners] == ["U0BOB"]
    now = client.get(Run, first.id)
    assert now is not None
    assert client.stores.cards.of_run(now) == card


def test_a_check_again_of_an_earlier_version_is_in_the_thread_of_the_first_run(
    client: Client, redis_client: redis.Redis
) -> None:
    first = checked(client, stories.BROKEN)
    second = checked(client, stories.BROKEN, "command/2")
    redis_client.delete(KEY)
    key = f"egress-diag:run:{second.id}"
    order = orjson.loads(redis_client.hget(key, "order") or b"")
    redis_client.hset(key, "order", orjson.dumps({**order, "card": "", "thread": "1.0"}).decode())
    old = client.get(Run, second.id)
    assert old is not None
    assert client.cards.head_of(old) == first.id
    third = client.start(Order(TARGET, "U0BOB", "C0OPS", "command/3", thread="1.0", after=second.id)).run
    assert third.order.card == first.id


def test_a_card_with_unknown_and_missing_fields_is_read() -> None:
    """Another version writes them."""
    stored = {
        "cluster": "prod-weu",
        "gateway": GATEWAY,
        "channel": "C0OPS",
        "run": "a",
        "latest": "a",
        "verdict": "broken",
        "began": NOW.isoformat(),
        "at": NOW.isoformat(),
        "active": NOW.isoformat(),
        "worst": "broken",
        "later_field": 1,
    }
    card = CARD_JSON.validate_json(orjson.dumps(stored))
    assert (card.owners, card.times, card.ended) == ((), 1, None)


# the ledger and the owners


def fleet_check(client: Client, verdict: Verdict, at: datetime) -> None:
    check = GatewayCheck(f"fleet-{at.timestamp()}", "prod-weu", GATEWAY, at, verdict)
    client.stores.fleet.ledger.record_sweep(SweptCluster("prod-weu", check.by, at, 1, complete=False), [check], at)


def test_a_fleet_check_that_is_recorded_twice_or_late_changes_nothing(client: Client) -> None:
    run = checked(client, stories.BROKEN)
    assert run.ended is not None
    fleet_check(client, Verdict.HEALTHY, run.ended + timedelta(minutes=1))
    closed = card_of(client)
    assert closed.ended == run.ended + timedelta(minutes=1)
    shown(client, f"run/{run.id}")
    fleet_check(client, Verdict.HEALTHY, run.ended + timedelta(minutes=1))
    fleet_check(client, Verdict.BROKEN, run.ended - timedelta(minutes=1))
    assert card_of(client) == closed
    assert not client.stores.documents.is_due(f"run/{run.id}")


def test_a_quiet_card_follows_fleet_checks_only_until_it_is_closed(client: Client, redis_client: redis.Redis) -> None:
    """A week later, the old message must not say again that the gateway is broken."""
    run = checked(client, stories.BROKEN)
    assert run.ended is not None
    fleet_check(client, Verdict.HEALTHY, run.ended + 3 * QUIET)
    assert card_of(client).verdict is Verdict.HEALTHY
    fleet_check(client, Verdict.BROKEN, run.ended + 9 * QUIET)
    assert card_of(client).verdict is Verdict.HEALTHY


def test_the_owner_belongs_to_the_incident_also_if_it_recurs_within_a_day(client: Client) -> None:
    at = datetime.now(UTC) - timedelta(days=9)
    owners = client.stores.fleet.owners
    fleet_check(client, Verdict.STARTING, at)
    owners.take("prod-weu", GATEWAY, "U0BOB", "button", at + timedelta(minutes=1))
    for minutes, verdict in ((2, Verdict.BROKEN), (3, Verdict.HEALTHY), (600, Verdict.BROKEN), (700, Verdict.DEGRADED)):
        fleet_check(client, verdict, at + timedelta(minutes=minutes))
        assert owners.owner("prod-weu", GATEWAY) == "U0BOB", verdict
    fleet_check(client, Verdict.BROKEN, at + timedelta(days=5))
    assert owners.owner("prod-weu", GATEWAY) == ""
    assert owners.current("prod-weu") == {}


def test_taking_what_one_has_and_releasing_what_no_one_has_change_nothing(client: Client) -> None:
    run = checked(client, stories.BROKEN)
    client.cards.change_owner("prod-weu", GATEWAY, "U0BOB", "button", release=True)
    assert card_of(client).owners == ()
    client.cards.change_owner("prod-weu", GATEWAY, "U0BOB", "button")
    shown(client, f"run/{run.id}")
    client.cards.change_owner("prod-weu", GATEWAY, "U0BOB", "home")
    assert len(card_of(client).owners) == 1
    assert not client.stores.documents.is_due(f"run/{run.id}")


# the pure function

CARD = Card(
    "prod-weu", GATEWAY, "C0OPS", "a", "a", Verdict.BROKEN, NOW, NOW, NOW, Verdict.BROKEN, certain=Verdict.BROKEN
)


def after(*checks: tuple[int, Verdict]) -> Card:
    """The card after checks, each so many minutes after the first."""
    card = CARD
    for minutes, verdict in checks:
        at = NOW + timedelta(minutes=minutes)
        card = after_check(card, SeenCheck(verdict, at, at, (), f"run-{minutes}"))
    return card


def test_the_end_of_an_incident_is_the_first_check_that_passed() -> None:
    card = after((9, Verdict.BROKEN), (41, Verdict.HEALTHY), (50, Verdict.HEALTHY))
    assert (card.ended, card.began) == (NOW + timedelta(minutes=41), NOW)


def test_an_inconclusive_check_neither_ends_nor_begins_an_outage() -> None:
    card = after((5, Verdict.INCONCLUSIVE))
    assert (card.ended, card.worst, card.certain) == (None, Verdict.BROKEN, Verdict.BROKEN)
    card = after((5, Verdict.HEALTHY), (6, Verdict.INCONCLUSIVE), (7, Verdict.HEALTHY))
    assert card.worst is Verdict.INCONCLUSIVE, "the recovery that the card reports is not that of the outage"


def test_a_recurrence_begins_anew() -> None:
    card = after((5, Verdict.HEALTHY), (60, Verdict.BROKEN))
    assert (card.times, card.began, card.ended) == (2, NOW + timedelta(minutes=60), None)
    card = after((5, Verdict.DEGRADED), (60, Verdict.STARTING), (70, Verdict.HEALTHY))
    assert (card.worst, card.ended) == (Verdict.STARTING, NOW + timedelta(minutes=70))


def test_warnings_alone_end_when_the_gateway_is_healthy() -> None:
    card = replace(CARD, verdict=Verdict.DEGRADED, worst=Verdict.DEGRADED)
    at = NOW + timedelta(minutes=3)
    assert after_check(card, SeenCheck(Verdict.DEGRADED, at, at, (), "b")).ended is None
    assert after_check(card, SeenCheck(Verdict.HEALTHY, at, at, (), "b")).ended == at


def test_the_listed_changes_of_the_owner_are_bounded_and_keep_their_numbers() -> None:
    card = CARD
    for number in range(MOST_OWNER_CHANGES + 3):
        card = card_changes.after_owner(card, "U0BOB", "U0BOB", "", "button", NOW + timedelta(minutes=number))
    assert [each.number for each in card.owners] == list(range(4, MOST_OWNER_CHANGES + 4))
