"""The bot's client: records, requests, deliveries, and the courier's repetitions."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from checks.config.configuration import Config
from checks.model.findings import Report, Verdict
from checks.model.recurrence import recurrence
from tests.workers.fleet.fleet_world import Truth, seen
from workers.client import ConnectedClient as Client
from workers.client import HeldDocument, connect
from workers.client.deliveries import MAX_REVISIONS
from workers.client.processes import Repetitions
from workers.queue.settings import WorkerSettings
from workers.records.delivered import Delivered, DeliveryOutcome
from workers.records.digest import Digest
from workers.records.handoff import Handoff, HandoffOrder
from workers.records.listing import Listing
from workers.records.run import Order, Run, Target
from workers.records.schedule import Schedule
from workers.records.watch import Watch

TARGET = Target("prod", "egress", "payments")
ORDER = Order(TARGET, "U0ALICE", "C0OPS", "command/1")
NOW = datetime.now(UTC)


@pytest.fixture
def client(redis_url: str) -> Iterator[Client]:
    found = connect(WorkerSettings(REDIS_URL=redis_url), Config(), retry=True)
    yield found
    found.close()


# records


def test_a_record_is_read_by_its_kind_and_id(client: Client) -> None:
    run = client.start(ORDER).run
    watch, _ = client.watch(TARGET, "U0ALICE", "C0OPS", None, timedelta(hours=1))
    listing = Listing("abc", "prod", "U0ALICE", "C0OPS")
    handoff = HandoffOrder("h1", "C0OPS", "U0ALICE", NOW, timedelta(hours=8), ("prod",))
    schedule = Schedule("s1", "C0OPS", ("*",), recurrence("09:00", "daily", "UTC"), user="U0ALICE")
    client.request(listing)
    client.request(handoff)
    client.request(schedule)
    assert client.get(Run, run.id) == run
    assert client.get(Watch, watch.id) == watch
    assert client.get(Listing, "abc") == listing
    assert client.get(Schedule, "s1") == schedule
    found = client.get(Handoff, "h1")
    assert found is not None
    assert found.order == handoff


@pytest.mark.parametrize("kind", [Run, Watch, Listing, Digest, Handoff, Schedule])
def test_an_unknown_record_is_none(client: Client, kind: type[Run]) -> None:
    assert client.get(kind, "unknown") is None


def test_only_what_has_not_ended_is_active(client: Client) -> None:
    run = client.start(ORDER).run
    watch, _ = client.watch(TARGET, "U0ALICE", "C0OPS", None, timedelta(hours=1))
    assert (client.active(Run), client.active(Watch)) == ((run,), (watch,))
    assert client.stop(run, "U0BOB")
    assert client.stop(watch, "U0BOB")
    assert (client.active(Run), client.active(Watch)) == ((), ())


def test_a_second_stop_changes_nothing(client: Client) -> None:
    run = client.start(ORDER).run
    watch, _ = client.watch(TARGET, "U0ALICE", "C0OPS", None, timedelta(hours=1))
    for record in (run, watch):
        assert client.stop(record, "U0BOB")
        assert not client.stop(record, "U0ALICE")
    stopped = client.get(Watch, watch.id)
    assert stopped is not None
    assert stopped.stopped_by == "U0BOB"


def test_the_state_of_the_installation_has_runs_watches_and_pending_changes(client: Client) -> None:
    run = client.start(ORDER).run
    watch, _ = client.watch(TARGET, "U0ALICE", "C0OPS", None, timedelta(hours=1))
    client.own(run, "U0BOB")
    state = client.installation(["prod"])
    assert [each.id for each in state.runs] == [run.id]
    assert state.watches == (watch,)
    assert state.owners == {("prod", "egress"): "U0BOB"}
    assert state.undelivered == 2
    assert state.processes["worker"] == 0


# requests


def test_the_target_of_a_person_is_remembered_and_that_of_a_watch_is_not(client: Client) -> None:
    client.start(ORDER)
    client.start(replace(ORDER, key="watch/1/0", target=Target("prod", "other"), watch="w1"))
    assert client.get(Target, "C0OPS") == TARGET


def test_a_file_is_requested_once_and_only_while_it_is_kept(client: Client) -> None:
    run = client.start(ORDER).run
    assert client.request_file(run, "report") == "expired"
    assert client.request_file(run, "bundle") == "expired"
    client.stores.evidence.keep(run.id, b"\x1f\x8b packed")
    assert client.request_file(run, "bundle") == "requested"
    document = f"file/{run.id}:bundle"
    assert document in client.stores.documents.due(0)
    client.stores.documents.note_delivered(document, Delivered("file", "C0OPS", "0", ""))
    assert client.request_file(run, "bundle") == "posted"


def test_suggestions_are_enabled_gateways_and_on_request_those_that_were_checked(client: Client) -> None:
    client.stores.history.keep_inventory("prod", (("payments/egress", True), ("payments/old", False)))
    client.stores.fleet.ledger.record("prod", [seen(Truth(), "prod", "team/checked", "r1", NOW)], NOW)
    assert client.gateways.known("prod") == ("payments/egress",)
    assert set(client.gateways.known("prod", checked=True)) == {"payments/egress", "team/checked"}


# deliveries


def test_a_change_during_a_delivery_is_delivered_with_the_next_revision(client: Client) -> None:
    client.stores.documents.changed("run/1")
    revisions: list[int] = []

    def show(delivery: HeldDocument) -> DeliveryOutcome:
        revisions.append(delivery.revision)
        assert not delivery.is_outdated()
        if len(revisions) < 3:
            client.stores.documents.changed("run/1")
            assert delivery.is_outdated()
        return DeliveryOutcome()

    assert client.deliveries.deliver("run/1", show) == DeliveryOutcome()
    assert revisions == [1, 2, 3]
    assert not client.stores.documents.due(0)


def test_a_document_that_changes_all_the_time_leaves_the_courier_to_others(client: Client) -> None:
    client.stores.documents.changed("run/1")
    shown: list[str] = []

    def show(delivery: HeldDocument) -> DeliveryOutcome:
        shown.append(delivery.document)
        client.stores.documents.changed("run/1")
        return DeliveryOutcome()

    assert client.deliveries.deliver("run/1", show) == DeliveryOutcome(0.0)
    assert shown == ["run/1"] * MAX_REVISIONS


def test_a_document_that_another_courier_holds_is_left_to_it(client: Client) -> None:
    client.stores.documents.changed("run/1")
    with client.stores.documents.hold("run/1") as other:
        assert other is not None
        assert client.deliveries.deliver("run/1", _unexpected) == DeliveryOutcome()
    assert client.stores.documents.due(0) == ("run/1",)


def test_a_courier_that_lost_its_lock_ends_its_delivery(client: Client) -> None:
    client.stores.documents.changed("run/1")

    def show(delivery: HeldDocument) -> DeliveryOutcome:
        client.stores.redis.delete("egress-diag:courier:run/1")
        delivery.renew()
        raise AssertionError("the lock was lost")

    assert client.deliveries.deliver("run/1", show) == DeliveryOutcome()


def test_a_document_that_slack_limits_is_not_delivered_until_the_limit_ends(client: Client) -> None:
    client.stores.documents.changed("run/1")
    limited = DeliveryOutcome(30.0, limited=True)
    assert client.deliveries.deliver("run/1", lambda _: limited) == limited
    again = client.deliveries.deliver("run/1", _unexpected)
    assert again.limited
    assert again.retry_seconds == pytest.approx(30, abs=5)


def test_a_shown_run_owns_its_thread_and_its_verdict_is_recorded_once_it_is_complete(client: Client) -> None:
    run = client.start(ORDER).run
    report = Report("prod", "payments", "egress", Verdict.HEALTHY, NOW, 1.0, (), ())
    assert client.stores.runs.finish(run, report)
    done = client.get(Run, run.id)
    assert done is not None
    client.stores.documents.note_delivered(f"run/{run.id}", Delivered("parent", "C0OPS", "1764000000.000100", "d"))
    client.deliveries.run_shown(done, complete=False)
    assert client.conversations.run_of_thread("C0OPS", "1764000000.000100") == run.id
    assert client.stores.history.verdicts("prod") == {}
    client.deliveries.run_shown(done, complete=True)
    assert client.stores.history.verdicts("prod")["payments/egress"].run == run.id


def _unexpected(delivery: HeldDocument) -> DeliveryOutcome:
    raise AssertionError(f"{delivery.document} must not be shown")


# processes


def test_one_repetition_replaces_those_that_were_to_come_later() -> None:
    repetitions = Repetitions()
    assert repetitions.add("run/1", 5.0, now=100.0)
    assert not repetitions.add("run/1", 10.0, now=101.0), "the one at 105 comes earlier"
    assert repetitions.add("run/1", 1.0, now=101.0), "earlier than the one at 105"
    assert repetitions.add("run/2", 10.0, now=101.0), "another document"
    assert repetitions.add("run/1", 5.0, now=103.0), "the one at 102 is over"
