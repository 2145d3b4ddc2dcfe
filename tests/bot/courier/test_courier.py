"""The courier with a real Redis and Slack's faults: complete threads, no duplicates."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from bot.courier.courier import Courier
from bot.delivery.differences import Destination
from bot.delivery.uploads import RunFile, upload_once
from bot.messages.run import run_messages
from bot.sandbox import App, RateLimits, SandboxServer, StoredMessage, default_workspace
from bot.sandbox.model.faults import Faults
from bot.slack.settings import SlackSettings
from bot.slack.web_api import Slack
from checks.config.configuration import AccessRule, Config
from checks.config.probe_configuration import ProbeConfig
from checks.model.findings import Status, Verdict
from tests.bot import stories
from tests.bot.stories import BROKEN, HEALTHY, PASSES, POOL, PREFIX, accepted, append, finish
from tests.system import complete, shows_verdict, slot, slots, whole_thread
from workers.client import ConnectedClient as Client
from workers.client import HeldDocument, connect
from workers.queue.settings import WorkerSettings
from workers.records.delivered import Delivered, DeliveryOutcome, PostAttempt
from workers.records.listing import Listing, ListingState
from workers.records.run import Order, Run, Target
from workers.runs.documents import LockLost

pytestmark = pytest.mark.slow

MakeCourier = Callable[[], Courier]

FULL = [
    "parent",
    "verdict",
    "finding/gateway-pool-missing",
    "finding/gateway-autoscaler-saturated",
    "steps",
]


def deliver(courier: Courier, run: Run, most: float = 90) -> None:
    """Deliver until nothing is pending, with no delay except that of a rate limit."""
    until = time.monotonic() + most
    assert isinstance(courier.client, Client)
    while True:
        again = courier.deliver(f"run/{run.id}").retry_seconds
        if again is None and f"run/{run.id}" not in courier.client.stores.documents.due(0):
            return
        assert time.monotonic() < until, f"not delivered after {most} s: {again}"
        time.sleep(min(again or 0.0, 0.5))


@pytest.fixture
def broken(client: Client) -> Run:
    return finish(client, accepted(client), BROKEN)


def test_a_broken_run_becomes_one_thread_with_its_root_cause_first(
    courier: Courier, slack: SandboxServer, broken: Run
) -> None:
    deliver(courier, broken)
    thread = whole_thread(slack)
    assert complete(thread)
    assert slots(thread) == FULL


def test_a_healthy_run_is_two_messages(courier: Courier, slack: SandboxServer, client: Client) -> None:
    deliver(courier, finish(client, accepted(client), HEALTHY))
    assert slots(whole_thread(slack)) == ["parent", "steps"]


def test_a_second_delivery_changes_nothing(courier: Courier, slack: SandboxServer, broken: Run) -> None:
    deliver(courier, broken)
    before = len(slack.changes())
    deliver(courier, broken)
    assert len(slack.changes()) == before


@pytest.mark.parametrize(
    "lost", [1, 2, pytest.param(5, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.slow)]
)
def test_a_post_whose_answer_was_lost_is_found_again(
    new_courier: MakeCourier, slack: SandboxServer, broken: Run, lost: int
) -> None:
    """Posts whose answers were lost are found by their metadata and not posted again."""
    slack.faults.lose_answers(lost, "chat.postMessage")
    deliver(new_courier(), broken)
    assert slots(whole_thread(slack)) == FULL
    assert len(slack.messages()) == 1


def test_a_request_that_never_arrived_is_repeated(courier: Courier, slack: SandboxServer, broken: Run) -> None:
    slack.faults.drop_requests(3, "chat.postMessage")
    deliver(courier, broken)
    assert slots(whole_thread(slack)) == FULL


def test_delivery_retries_until_slacks_server_errors_end(courier: Courier, slack: SandboxServer, broken: Run) -> None:
    slack.faults.server_errors(3, "chat.postMessage", status=503)
    deliver(courier, broken)
    assert sorted(slots(whole_thread(slack))) == sorted(FULL)


def test_a_courier_that_died_between_post_and_record_causes_no_second_post(
    new_courier: MakeCourier, slack: SandboxServer, client: Client, broken: Run
) -> None:
    """After kill -9 the message exists, and its record shows only that the post was started."""
    deliver(new_courier(), broken)
    document = f"run/{broken.id}"
    for name in ("parent", "verdict", "finding/gateway-pool-missing"):
        place = client.stores.documents.deliveries(document).slots[name]
        assert isinstance(place, Delivered)
        attempt = PostAttempt(name, place.channel, float(place.ts) - 60)
        client.stores.documents.note_delivered(document, attempt)
        client.stores.documents.changed(document)
        deliver(new_courier(), broken)
        assert slots(whole_thread(slack)) == FULL
    assert len(slack.messages()) == 1


def test_two_couriers_at_once_deliver_one_thread(new_courier: MakeCourier, slack: SandboxServer, broken: Run) -> None:
    slack.faults.latency(0.02)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda courier: deliver(courier, broken), [new_courier() for _ in range(4)]))
    assert sorted(slots(whole_thread(slack))) == sorted(FULL)


def test_a_change_during_delivery_is_delivered(new_courier: MakeCourier, slack: SandboxServer, client: Client) -> None:
    run = accepted(client)
    append(client, run, *PASSES, POOL)
    slack.faults.latency(0.05)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(deliver, new_courier(), run)
        time.sleep(0.1)
        finish(client, run, BROKEN)
        # The second one is notified of the change while the first one holds the document.
        second = pool.submit(new_courier().deliver, f"run/{run.id}")
        second.result()
        first.result()
    assert complete(whole_thread(slack))


def test_the_verdict_is_delivered_before_remaining_progress(
    new_courier: MakeCourier, client: Client, slack: SandboxServer
) -> None:
    courier = new_courier()
    run = accepted(client)
    courier.deliver(f"run/{run.id}")
    append(client, run, *PASSES)
    slack.faults.rate_limit(3600)
    assert courier.deliver(f"run/{run.id}").limited
    finish(client, run, BROKEN)
    assert courier.deliver(f"run/{run.id}").limited
    assert slots(whole_thread(slack)) == ["parent"]
    slack.faults.clear()
    client.stores.documents.changed(f"run/{run.id}", urgent=True)
    deliver(courier, run)
    thread = whole_thread(slack)
    assert slots(thread) == FULL
    ends = [c for c in slack.changes() if c.message and slot(c.message) in ("parent", "verdict", "steps")]
    assert [(c.kind, slot(c.message)) for c in ends if c.message] == [
        ("posted", "parent"),
        ("updated", "parent"),
        ("posted", "verdict"),
        ("posted", "steps"),
    ]


def test_with_posts_rate_limited_the_parent_shows_the_verdict(
    courier: Courier, client: Client, slack: SandboxServer
) -> None:
    run = accepted(client)
    courier.deliver(f"run/{run.id}")
    finish(client, run, BROKEN)
    slack.faults.rate_limit(30, "chat.postMessage")
    outcome = courier.deliver(f"run/{run.id}")
    assert outcome.limited
    assert shows_verdict(slack.messages()[0])
    assert not slack.thread(slack.messages()[0])


def test_with_edits_rate_limited_the_verdict_is_posted(courier: Courier, client: Client, slack: SandboxServer) -> None:
    run = accepted(client)
    courier.deliver(f"run/{run.id}")
    finish(client, run, BROKEN)
    slack.faults.rate_limit(30, "chat.update")
    assert courier.deliver(f"run/{run.id}").limited
    assert slots(whole_thread(slack)) == ["parent", "verdict"]


@pytest.mark.parametrize(
    ("begin", "seconds"),
    [
        (lambda faults: faults.rate_limit(3600, "chat.postMessage"), 3600.0),
        (lambda faults: faults.revoke_token(), 30.0),
    ],
    ids=["rate limit", "token revoked"],
)
def test_no_courier_calls_slack_before_the_pause_has_ended(
    new_courier: MakeCourier, slack: SandboxServer, broken: Run, begin: Callable[[Faults], None], seconds: float
) -> None:
    """The document waits, whichever courier takes it up next."""
    begin(slack.faults)
    assert new_courier().deliver(f"run/{broken.id}") == DeliveryOutcome(seconds, limited=True)
    before = len(slack.calls())
    outcome = new_courier().deliver(f"run/{broken.id}")
    assert outcome.label == "limited"
    assert seconds / 2 < (outcome.retry_seconds or 0.0) <= seconds
    assert len(slack.calls()) == before


def test_a_document_waits_a_second_after_slack_did_not_answer(
    courier: Courier, slack: SandboxServer, broken: Run
) -> None:
    slack.faults.drop_requests(9, "chat.postMessage")
    assert courier.deliver(f"run/{broken.id}") == DeliveryOutcome(1.0, limited=True)


@pytest.mark.slow
def test_slacks_rate_limits_are_respected(client: Client, redis_url: str, config_file: object) -> None:
    """One post a second in a channel after a burst: no call is refused twice in a row."""
    with SandboxServer(limits=RateLimits()) as slack:
        run = finish(client, accepted(client), BROKEN)
        courier = Courier(client, _slack_client(slack))
        deliver(courier, run)
        assert slots(whole_thread(slack)) == FULL


@pytest.mark.slow
def test_an_active_run_edits_its_parent_at_most_once_a_second(
    courier: Courier, client: Client, slack: SandboxServer
) -> None:
    run = accepted(client)
    until = time.monotonic() + 2.5
    number = 0
    while time.monotonic() < until:
        append(client, run, replace(PASSES[0], check=f"step-{number}", code=f"EG{number}"))
        courier.deliver(f"run/{run.id}")
        number += 1
    edits = [c.at for c in slack.changes() if c.kind == "updated" and c.message and slot(c.message) == "parent"]
    assert edits
    assert all(later - earlier >= 0.9 for earlier, later in pairwise(edits))
    finish(client, run, HEALTHY)
    courier.deliver(f"run/{run.id}")
    assert shows_verdict(slack.messages()[0]), "the end of a run is delivered at once"


def test_the_memory_of_the_courier_does_not_grow_with_the_runs(courier: Courier, client: Client) -> None:
    for number in range(3):
        run = accepted(client, replace(stories.ORDER, key=f"command/{number}"))
        courier.deliver(f"run/{run.id}")
        finish(client, run, HEALTHY)
        courier.deliver(f"run/{run.id}")
    assert not courier.runs.thread._edited  # noqa: SLF001 - what it holds shows nowhere else


@pytest.mark.parametrize("enabled", [False, True])
def test_a_card_offers_a_probe_where_active_steps_are_enabled(
    redis_url: str, config: Config, slack: SandboxServer, enabled: bool
) -> None:
    live = {"bundle": None, "kubeconfig": "in-cluster", "azure": "none"}
    steps = {
        "clusters": tuple(each.model_copy(update=live) for each in config.clusters),
        "probe": ProbeConfig(namespaces=("payments",)),
        "access": (AccessRule(allow=("diagnose", "probe"), users=("*",)),),
    }
    client = connect(
        WorkerSettings(REDIS_URL=redis_url), config.model_copy(update=steps) if enabled else config, retry=True
    )
    unprobed = replace(stories.passed("EG414", "Does not apply: no probe result."), status=Status.SKIPPED)
    settings = SlackSettings(SLACK_BOT_TOKEN=slack.app.bot_token, SLACK_API_URL=slack.api_url, SLACK_SIGNING_SECRET="s")
    try:
        ended = stories.report(Verdict.BROKEN, (*PASSES, POOL, unprobed), ("gateway-pool-missing",))
        deliver(Courier(client, Slack(settings)), finish(client, accepted(client), ended))
    finally:
        client.close()
    assert ("step/probe-pod" in str(whole_thread(slack)[0].blocks)) is enabled


def test_findings_of_an_active_run_wait_briefly_for_their_root_cause(
    courier: Courier, client: Client, slack: SandboxServer
) -> None:
    run = accepted(client)
    append(client, run, PREFIX, *PASSES)
    outcome = courier.deliver(f"run/{run.id}")
    assert "finding/egress-prefix-unassigned" not in slots(whole_thread(slack))
    assert outcome.retry_seconds is not None
    assert outcome.retry_seconds <= 3
    time.sleep(3)
    courier.deliver(f"run/{run.id}")
    assert "finding/egress-prefix-unassigned" in slots(whole_thread(slack))


def test_unsupported_blocks_become_plain_text(courier: Courier, slack: SandboxServer, broken: Run) -> None:
    slack.faults.refuse_blocks("context")
    deliver(courier, broken)
    thread = whole_thread(slack)
    assert slots(thread) == FULL
    assert all(message.text for message in thread)
    assert not thread[0].blocks
    assert "gwpoool" in thread[0].text


def test_a_deleted_message_is_posted_again(courier: Courier, client: Client, slack: SandboxServer) -> None:
    run = accepted(client)
    courier.deliver(f"run/{run.id}")
    slack.workspace.delete(slack.messages()[0])
    finish(client, run, HEALTHY)
    deliver(courier, run)
    assert slots(whole_thread(slack)) == ["parent", "steps"]


@pytest.mark.parametrize("channel", ["C0RANDOM", "C0OLD"])
def test_an_unavailable_channel_is_answered_in_a_direct_message(
    courier: Courier, client: Client, slack: SandboxServer, channel: str
) -> None:
    order = Order(Target("prod-weu", "egress", "payments"), "U0ALICE", channel, "command/2")
    run = accepted(client, order)
    deliver(courier, run)
    finish(client, run, BROKEN)
    deliver(courier, run)
    received = [m.shown for m in slack.messages("D0ALICE")]
    assert len(received) == 2, "one message for the start and one for the result"
    assert "Checking" in received[0]
    assert "gwpoool" in received[1]
    assert ("archived" if channel == "C0OLD" else "/invite") in received[1]
    assert not slack.messages(channel)


def test_a_channel_that_is_archived_during_a_run_is_reported_to_the_person(
    courier: Courier, client: Client, slack: SandboxServer
) -> None:
    run = accepted(client)
    deliver(courier, run)
    slack.faults.archive("C0OPS")
    finish(client, run, BROKEN)
    deliver(courier, run)
    assert "gwpoool" in slack.messages("D0ALICE")[-1].shown
    slack.faults.clear()
    client.stores.documents.changed(f"run/{run.id}")
    deliver(courier, run)
    assert complete(whole_thread(slack)), "the thread is restored with the channel"


def test_a_watch_in_an_archived_channel_is_reported_to_its_person_at_its_beginning_and_its_end(
    courier: Courier, client: Client, slack: SandboxServer
) -> None:
    target, thread = Target("prod-weu", "egress", "payments"), "1796000000.000100"
    watch, _ = client.watch(target, "U0ALICE", "C0OLD", thread, timedelta(hours=1))
    document = f"watch/{watch.id}"
    assert client.stores.documents.due(0) == (document,)
    for _ in range(2):
        client.stores.documents.changed(document)
        courier.deliver(document)
    (first,) = slack.messages("D0ALICE")
    assert "C0OLD" in first.shown
    client.stop(watch, "U0BOB")
    for _ in range(2):
        client.stores.documents.changed(document)
        courier.deliver(document)
    _, last = slack.messages("D0ALICE")
    assert "stopped" in last.shown


def test_without_the_history_scope_a_lost_post_is_repeated_and_logged(
    courier: Courier, slack: SandboxServer, broken: Run, caplog: pytest.LogCaptureFixture
) -> None:
    slack.faults.take_scope("channels:history")
    slack.faults.lose_answers(1, "chat.postMessage")
    deliver(courier, broken)
    assert [slot(m) for m in slack.messages()] == ["parent", "parent"]
    assert "channels:history" in caplog.text


def test_a_revoked_token_waits_for_an_operator(
    courier: Courier, client: Client, slack: SandboxServer, broken: Run, caplog: pytest.LogCaptureFixture
) -> None:
    slack.faults.revoke_token()
    outcome = courier.deliver(f"run/{broken.id}")
    assert outcome.limited
    assert "SLACK_BOT_TOKEN" in caplog.text
    assert slack.app.bot_token not in caplog.text
    slack.faults.clear()
    client.stores.documents.changed(f"run/{broken.id}", urgent=True)
    deliver(courier, broken)
    assert complete(whole_thread(slack))


def test_steps_that_a_second_attempt_did_not_find_are_deleted(
    courier: Courier, client: Client, slack: SandboxServer
) -> None:
    run = accepted(client)
    client.stores.runs.append(run.id, POOL.check, (stories.bare(POOL),))
    client.stores.documents.changed(f"run/{run.id}")
    time.sleep(3)
    courier.deliver(f"run/{run.id}")
    assert "finding/gateway-pool-missing" in slots(whole_thread(slack))
    finish(client, run, HEALTHY)
    deliver(courier, run)
    assert complete(whole_thread(slack))
    remaining = slots(whole_thread(slack))
    assert "finding/gateway-pool-missing" not in remaining
    assert set(client.stores.documents.deliveries(f"run/{run.id}").slots) == set(remaining), (
        "each delivery would try to delete it again"
    )


def test_an_expired_run_is_no_longer_due(courier: Courier, client: Client) -> None:
    client.stores.documents.changed("run/000000000000")
    courier.deliver("run/000000000000")
    assert not client.stores.documents.due(0)


def test_a_list_of_gateways_is_answered_privately_once(courier: Courier, client: Client, slack: SandboxServer) -> None:
    listing = Listing(
        "1234567890ab",
        "prod",
        "U0ALICE",
        "C0OPS",
        state=ListingState.DONE,
        gateways=(("team-egress/egw", True), ("team-egress/old", False)),
    )
    client.stores.listings.request(listing)
    client.stores.documents.changed(f"listing/{listing.id}")
    for _ in range(2):
        assert courier.deliver(f"listing/{listing.id}").retry_seconds is None
    (answer,) = slack.ephemerals(user="U0ALICE")
    assert "team-egress/egw" in answer.shown
    assert not client.stores.documents.due(0)


@pytest.mark.parametrize("part", ["edit", "post", "delete", "file"])
def test_a_courier_that_lost_its_lock_sends_nothing_more(
    new_courier: MakeCourier, client: Client, slack: SandboxServer, broken: Run, part: str
) -> None:
    """Slack was slow, the lock expired, and another courier has taken over the document."""
    courier = new_courier()
    if part != "post":
        deliver(courier, broken)
    before = len(slack.changes())
    with client.stores.documents.hold(f"run/{broken.id}") as held:
        assert held is not None
        client.stores.redis.delete(f"egress-diag:courier:run/{broken.id}")
        with pytest.raises(LockLost):
            _send(courier, client, held, broken, part)
    assert len(slack.changes()) == before


def test_a_file_is_uploaded_once_however_often_it_is_delivered(
    courier: Courier, client: Client, slack: SandboxServer, broken: Run
) -> None:
    """Its upload is recorded: the thread is not searched for it."""
    deliver(courier, broken)
    client.request_file(broken, "report")
    (document,) = [each for each in client.stores.documents.due(0) if each.startswith("file/")]
    for _ in range(2):
        client.stores.documents.changed(document)
        assert courier.deliver(document) == DeliveryOutcome()
    assert len(slack.files()) == 1
    assert len(slack.calls("files.getUploadURLExternal")) == 1


def _send(courier: Courier, client: Client, held: HeldDocument, run: Run, part: str) -> None:
    place = Destination(run.order.channel, None)
    messages = run_messages(run, datetime.now(UTC), None, None, "")
    match part:
        case "edit":
            courier.thread.show(held, place, [replace(each, text=f"{each.text}!") for each in messages])
        case "post":
            courier.thread.show(held, place, messages)
        case "delete":
            courier.thread.show(held, place, messages[:1])
        case _:
            file = RunFile("report.md", "Report", b"text")
            upload_once(courier.slack, held, Destination(run.order.channel, "1.0"), file)


@pytest.mark.slow
def test_a_parent_among_many_messages_is_found_again(
    new_courier: MakeCourier, client: Client, slack: SandboxServer, broken: Run
) -> None:
    """A busy channel: the lost post is not on the first page of its history."""
    courier = new_courier()
    slack.faults.lose_answers(1, "chat.postMessage")
    courier.deliver(f"run/{broken.id}")
    for number in range(450):
        slack.workspace.post(
            StoredMessage(channel="C0OPS", ts=slack.workspace.new_ts(), author="U0BOB", text=f"chat {number}")
        )
    deliver(courier, broken)
    assert len([m for m in slack.messages() if slot(m) == "parent"]) == 1


def _slack_client(slack: SandboxServer) -> Slack:

    return Slack(SlackSettings(SLACK_BOT_TOKEN=slack.app.bot_token, SLACK_API_URL=slack.api_url), timeout=30)


def test_the_manifest_has_the_scopes_that_the_courier_needs(client: Client, config_file: object) -> None:
    from tests.bot.slack.test_manifest import scopes

    with SandboxServer(workspace=default_workspace(App(scopes=scopes())), limits=RateLimits.off()) as slack:
        run = finish(client, accepted(client), BROKEN)
        slack.faults.lose_answers(2, "chat.postMessage")
        deliver(Courier(client, _slack_client(slack)), run)
        assert slots(whole_thread(slack)) == FULL
        assert {call.error for call in slack.calls()} <= {""}
