"""Unexpected answers of Slack lose no message, and the requester is informed of refusals."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.courier.courier import GIVE_UP_SECONDS, INFORM_SECONDS, Courier
from bot.sandbox import SandboxServer, StoredMessage
from bot.sandbox.model.faults import Faults
from bot.slack.web_api import METADATA_EVENT
from checks.model.recurrence import recurrence
from tests.bot.stories import BROKEN, accepted, finish
from tests.system import complete, slot, slots, whole_thread
from workers.client import ConnectedClient as Client
from workers.records.delivered import DoubtfulPost, PostAttempt
from workers.records.digest import DigestOrder
from workers.records.handoff import HandoffOrder
from workers.records.run import Order, Run, Target
from workers.records.schedule import Schedule

pytestmark = pytest.mark.slow

POSTS = ("chat.postMessage", "chat.update")

HTML = "<!DOCTYPE html><html><body>Your proxy needs a login</body></html>"

UNKNOWN: dict[str, Callable[[Faults], None]] = {
    "an unknown code": lambda faults: faults.refuse("a_code_of_next_year", 3, *POSTS),
    "a code that is a sentence": lambda faults: faults.refuse("No, thank you. " * 90, 3, *POSTS),
    "a code that is a number": lambda faults: faults.answer_with('{"ok": false, "error": 7}', 3, *POSTS),
    "no code": lambda faults: faults.answer_with('{"ok": false}', 3, *POSTS),
    "408": lambda faults: faults.answer_with(HTML, 3, *POSTS, status=408, kind="text/html"),
    "403 of a proxy": lambda faults: faults.answer_with(HTML, 3, *POSTS, status=403, kind="text/html"),
    "407 of a proxy": lambda faults: faults.answer_with("", 3, *POSTS, status=407),
    "a page": lambda faults: faults.answer_with(HTML, 3, *POSTS, kind="text/html"),
    "nothing": lambda faults: faults.answer_with("", 3, *POSTS),
    "half a JSON text": lambda faults: faults.answer_with('{"ok": true, "ts": "17', 3, *POSTS),
    "an empty object": lambda faults: faults.answer_with("{}", 3, *POSTS),
    "a list": lambda faults: faults.answer_with("[1, 2]", 3, *POSTS),
    "null": lambda faults: faults.answer_with("null", 3, *POSTS),
    "ok without a ts": lambda faults: faults.answer_with('{"ok": true, "channel": "C0OPS"}', 3, *POSTS),
    "ok with a wrong ts": lambda faults: faults.answer_with('{"ok": true, "channel": "C0OPS", "ts": []}', 3, *POSTS),
    "another character set": lambda faults: faults.answer_with(
        '{"ok": true}', 3, *POSTS, status=404, kind="text/html; charset=no-such"
    ),
    "no Retry-After": lambda faults: faults.answer_with('{"ok": false, "error": "ratelimited"}', 3, *POSTS),
    "a migration": lambda faults: faults.refuse("team_added_to_org", 3, *POSTS),
}
"""Answers that say nothing permanent about the message."""

CLOSED = {
    "restricted_action": "allow",
    "restricted_action_read_only_channel": "read-only",
    "restricted_action_thread_only_channel": "threads",
    "ekm_access_denied": "suspended",
    "team_access_not_granted": "no access",
    "missing_scope": "scope",
    "token_revoked": "token",
}
"""Refusals of everything in a channel, each with a word of the explanation."""


def deliver(courier: Courier, run: Run, most: float = 90) -> None:
    """Deliver as the courier's tasks do, without pauses and later searches."""
    client, until = courier.client, time.monotonic() + most
    assert isinstance(client, Client)
    while True:
        outcome = courier.deliver(f"run/{run.id}")
        if outcome.retry_seconds is None:
            return
        assert time.monotonic() < until, f"not delivered after {most} s: {outcome}"
        client.stores.redis.delete(f"egress-diag:wait:run/{run.id}")
        time.sleep(0.05)


@pytest.mark.parametrize("fault", UNKNOWN)
def test_an_answer_that_is_not_slacks_loses_no_step(
    courier: Courier, client: Client, slack: SandboxServer, fault: str
) -> None:
    """Neither the first post of a run nor the edit of its parent is lost or doubled."""
    run = accepted(client)
    UNKNOWN[fault](slack.faults)
    deliver(courier, run)
    assert slots(whole_thread(slack)) == ["parent"]
    UNKNOWN[fault](slack.faults)
    deliver(courier, finish(client, run, BROKEN))
    thread = whole_thread(slack)
    assert complete(thread)
    assert len(slots(thread)) == len(set(slots(thread))) == 5
    assert not client.stores.failures.all()


def test_one_message_that_gets_unknown_answers_does_not_hold_up_the_others(
    courier: Courier, client: Client, slack: SandboxServer
) -> None:
    run = accepted(client)
    deliver(courier, run)
    finish(client, run, BROKEN)
    slack.faults.refuse("a_code_of_next_year", 1, "chat.postMessage")
    outcome = courier.deliver(f"run/{run.id}")
    assert outcome.limited
    assert len(slots(whole_thread(slack))) == 4
    deliver(courier, run)
    assert len(slots(whole_thread(slack))) == 5


def test_unknown_answers_are_reported_after_a_minute_and_given_up_after_an_hour(
    courier: Courier, client: Client, slack: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    run = accepted(client)
    slack.faults.refuse("a_code_of_next_year", 99, *POSTS[:1])
    document = f"run/{run.id}"
    assert courier.deliver(document).retry_seconds == 1.0
    assert client.stores.failures.all()[document].code == "a_code_of_next_year"
    for seconds, informed, ends in (
        (INFORM_SECONDS - 5, 0, False),
        (INFORM_SECONDS, 1, False),
        (GIVE_UP_SECONDS, 1, True),
    ):
        _age(client, document, seconds)
        outcome = courier.deliver(document)
        assert len(slack.ephemerals(user="U0ALICE")) == informed
        assert (outcome.retry_seconds is None, outcome.label == "refused") == (ends, ends)
    assert "a_code_of_next_year" in slack.ephemerals(user="U0ALICE")[0].shown
    assert "given up" in caplog.text
    assert document not in client.stores.documents.due(0), "a document that is given up is not due"
    assert document in client.stores.failures.all(), "doctor shows it"
    slack.faults.clear()
    deliver(courier, finish(client, run, BROKEN))
    assert complete(whole_thread(slack)), "its next change is delivered"


def test_while_slack_is_down_nothing_is_given_up(courier: Courier, client: Client, slack: SandboxServer) -> None:
    run = finish(client, accepted(client), BROKEN)
    slack.faults.server_errors(99, status=503)
    document = f"run/{run.id}"
    courier.deliver(document)
    _age(client, document, 2 * GIVE_UP_SECONDS)
    outcome = courier.deliver(document)
    assert outcome.limited
    slack.faults.clear()
    client.stores.documents.changed(document, urgent=True)
    deliver(courier, run)
    assert complete(whole_thread(slack))


def _age(client: Client, document: str, seconds: float) -> None:
    """Move the first failure of a document into the past, and end its pause."""
    before = client.stores.failures.all()[document]
    value = f'["{before.code}", {before.count}, {time.time() - seconds}, {before.last}]'
    client.stores.redis.hset("egress-diag:undelivered", document, value)
    client.stores.documents.pause(document, 0)
    client.stores.redis.delete(f"egress-diag:wait:{document}")


@pytest.mark.parametrize("code", CLOSED)
def test_who_waits_for_a_channel_that_refuses_messages_is_informed(
    courier: Courier, client: Client, slack: SandboxServer, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In a direct message, or through the response URL if only that works."""
    token = code in ("missing_scope", "token_revoked")
    url = slack._core.grants.response_url("U0ALICE", "C0OPS")  # noqa: SLF001 - as in the payload of a command
    order = Order(
        Target("prod-weu", "egress", "payments"), "U0ALICE", "C0OPS", "command/2",
        response_url=slack.api_url.removesuffix("/api/") + url if token else "",
    )  # fmt: skip
    run = accepted(client, order)

    def refuse() -> None:
        slack.faults.clear()
        for method in ("chat.postMessage", "chat.update", "chat.postEphemeral"):
            slack.faults.refuse(code, 99 if token else 1, method)

    refuse()
    courier.deliver(f"run/{run.id}")
    finish(client, run, BROKEN)
    refuse()
    courier.deliver(f"run/{run.id}")
    received = slack.ephemerals(user="U0ALICE") if token else slack.messages("D0ALICE")
    assert len(received) == 2, "one message for the start and one for the result"
    assert "gwpoool" in received[1].shown
    assert CLOSED[code] in received[1].shown
    assert code in caplog.text
    assert client.stores.failures.all()[f"run/{run.id}"].code == code
    assert not slack.messages()


def test_the_person_of_a_watch_is_informed_at_the_first_refusal(
    courier: Courier, client: Client, slack: SandboxServer
) -> None:
    """Before, the person heard nothing until the watch ended, up to 12 hours later."""
    target, thread = Target("prod-weu", "egress", "payments"), "1796000000.000100"
    watch, _ = client.watch(target, "U0ALICE", "C0OPS", thread, timedelta(hours=1))
    for expected in (1, 1):
        slack.faults.clear()
        for method in ("chat.postMessage", "chat.update"):
            slack.faults.refuse("restricted_action_read_only_channel", 9, method)
        assert courier.deliver(f"watch/{watch.id}").label == "refused"
        assert len(slack.ephemerals(user="U0ALICE")) == expected
    (notice,) = slack.ephemerals(user="U0ALICE")
    assert "Watching" in notice.shown
    assert "read-only" in notice.shown
    assert client.stop(watch, "U0ALICE")
    courier.deliver(f"watch/{watch.id}")
    assert len(slack.ephemerals(user="U0ALICE")) == 2
    assert not slack.messages()


@pytest.mark.parametrize("kind", ["file", "digest", "handoff"])
def test_who_waits_for_another_document_is_informed_too(
    courier: Courier, client: Client, slack: SandboxServer, kind: str
) -> None:
    run = finish(client, accepted(client), BROKEN)
    deliver(courier, run)
    now, span = datetime.now(UTC), timedelta(hours=8)
    match kind:
        case "file":
            client.request_file(run, "report")
        case "digest":
            client.stores.fleet.digests.compose(
                DigestOrder("d1", "C0OPS", ("prod-weu",), now, user="U0ALICE"), None, now
            )
        case _:
            client.request(HandoffOrder("h1", "C0OPS", "U0ALICE", now, span, ("prod-weu",)))
    (document,) = [each for each in client.stores.documents.due(0) if each.startswith(kind)]
    for method in ("chat.postMessage", "files.completeUploadExternal"):
        slack.faults.refuse("restricted_action_read_only_channel", 1, method)
    assert courier.deliver(document).label == "refused"
    (notice,) = slack.ephemerals(user="U0ALICE")
    assert kind == "handoff" or "read-only" in notice.shown
    assert client.stores.failures.all()[document].code == "restricted_action_read_only_channel"


def test_who_added_a_schedule_is_informed_that_its_digest_cannot_be_posted(
    courier: Courier, client: Client, slack: SandboxServer
) -> None:
    now = datetime.now(UTC)
    added = Schedule("s1", "C0OPS", ("prod-weu",), recurrence("09:00", "weekdays", "UTC"), user="U0ALICE")
    client.stores.fleet.schedules.add(added, client.stores.config, now)
    client.stores.fleet.digests.compose(DigestOrder("d1", "C0OPS", ("prod-weu",), now, schedule="s1"), None, now)
    slack.faults.refuse("restricted_action_read_only_channel", 9, "chat.postMessage")
    assert courier.deliver("digest/d1").label == "refused"
    (notice,) = slack.ephemerals(user="U0ALICE")
    assert "read-only" in notice.shown


def test_nobody_is_informed_twice_that_a_file_cannot_be_posted(
    courier: Courier, client: Client, slack: SandboxServer
) -> None:
    run = finish(client, accepted(client), BROKEN)
    deliver(courier, run)
    client.request_file(run, "report")
    (document,) = [each for each in client.stores.documents.due(0) if each.startswith("file")]
    slack.faults.refuse("restricted_action_read_only_channel", 9, "files.completeUploadExternal")
    for _ in range(2):
        courier.deliver(document)
        client.stores.documents.changed(document)
    assert len(slack.ephemerals(user="U0ALICE")) == 1


def test_informing_is_repeated_while_the_other_methods_fail_temporarily(
    courier: Courier, client: Client, slack: SandboxServer
) -> None:
    run = finish(client, accepted(client), BROKEN)
    slack.faults.refuse("restricted_action", 2, "chat.postMessage")
    slack.faults.server_errors(1, "chat.postEphemeral", status=503)
    assert courier.deliver(f"run/{run.id}").limited
    assert not slack.ephemerals()
    client.stores.redis.delete(f"egress-diag:wait:run/{run.id}")
    slack.faults.refuse("restricted_action", 1, "chat.postMessage")
    assert courier.deliver(f"run/{run.id}").label == "refused"
    (notice,) = slack.ephemerals(user="U0ALICE")
    assert "gwpoool" in notice.shown


def test_if_no_method_works_the_log_and_doctor_say_it(
    courier: Courier, client: Client, slack: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    run = accepted(client)
    slack.faults.refuse("ekm_access_denied", 99)
    assert courier.deliver(f"run/{run.id}").label == "refused"
    assert "no method" in caplog.text
    assert f"run/{run.id}" in client.stores.failures.all()


@pytest.mark.parametrize("code", ["metadata_too_large", "no_text", "invalid_arguments"])
def test_a_message_that_slack_never_accepts_holds_up_no_other(
    courier: Courier, client: Client, slack: SandboxServer, code: str
) -> None:
    run = accepted(client)
    deliver(courier, run)
    finish(client, run, BROKEN)
    slack.faults.refuse(code, 2, "chat.postMessage")
    assert courier.deliver(f"run/{run.id}").label == "refused"
    thread = whole_thread(slack)
    assert len(slots(thread)) == 4
    calls = len(slack.calls("chat.postMessage"))
    client.stores.documents.changed(f"run/{run.id}")
    deliver(courier, run)
    assert len(slack.calls("chat.postMessage")) == calls, "the refused message is not sent again unchanged"


LATE = 6.0
"""Seconds after which a post arrives.

Its courier gives up after one; on a busy machine, the next attempts take a while.
"""


def arrived(slack: SandboxServer, name: str) -> int:
    """How many messages of this slot have been posted, whether or not they are still there."""
    return sum(
        each.kind == "posted" and each.message is not None and slot(each.message) == name for each in slack.changes()
    )


@pytest.mark.parametrize("late", [1, 2])
def test_posts_that_arrive_after_the_courier_gave_up_leave_one_card(
    new_courier: Callable[[int], Courier], client: Client, slack: SandboxServer, late: int
) -> None:
    courier = new_courier(1)
    run = accepted(client)
    slack.faults.latency(LATE, "chat.postMessage")
    for _ in range(late):
        assert courier.deliver(f"run/{run.id}").limited
        client.stores.redis.delete(f"egress-diag:wait:run/{run.id}")
    slack.faults.clear()
    courier = new_courier(30)
    deliver(courier, finish(client, run, BROKEN))
    slack.wait_until(lambda: arrived(slack, "parent") == late + 1, 60)
    until = time.monotonic() + 60
    while len(slack.messages()) > 1 and time.monotonic() < until:
        courier.deliver(f"run/{run.id}")
        time.sleep(0.2)
    (card,) = slack.messages()
    assert complete([card, *slack.thread(card)]), "the card with the thread stays"


def test_a_reply_that_arrives_late_is_removed_again(
    new_courier: Callable[[int], Courier], client: Client, slack: SandboxServer
) -> None:
    courier = new_courier(1)
    run = accepted(client)
    deliver(courier, run)
    finish(client, run, BROKEN)
    slack.faults.latency(LATE, "chat.postMessage")
    courier.deliver(f"run/{run.id}")
    slack.faults.clear()
    courier = new_courier(30)
    deliver(courier, run)
    slack.wait_until(lambda: arrived(slack, "verdict") == 2, 60)
    until = time.monotonic() + 60
    while len(whole_thread(slack)) > 5 and time.monotonic() < until:
        courier.deliver(f"run/{run.id}")
        time.sleep(0.2)
    assert len(slots(whole_thread(slack))) == len(set(slots(whole_thread(slack)))) == 5


@pytest.mark.parametrize("code", ["edit_window_closed", "cant_update_message"])
def test_a_card_that_can_no_longer_be_edited_stays_the_only_one(
    courier: Courier, client: Client, slack: SandboxServer, code: str
) -> None:
    """The result is a reply in its thread."""
    run = accepted(client)
    deliver(courier, run)
    slack.faults.refuse(code, 99, "chat.update")
    deliver(courier, finish(client, run, BROKEN))
    (card,) = slack.messages()
    assert min(slots(list(slack.thread(card)))) == "card"
    assert "gwpoool" in next(m.shown for m in slack.thread(card) if slot(m) == "card")
    client.stores.documents.changed(f"run/{run.id}")
    deliver(courier, run)
    assert len(slack.messages()) == 1
    assert len(slots(list(slack.thread(card)))) == 5


@pytest.mark.parametrize("stored", ["by this version", "by version 0.1"])
def test_a_post_of_an_earlier_attempt_is_found_by_a_later_one(
    courier: Courier, client: Client, slack: SandboxServer, stored: str
) -> None:
    """The first attempt arrived, and the last one minutes later did not."""
    run, now = accepted(client), time.time()
    document = f"run/{run.id}"
    about = {"event_type": METADATA_EVENT, "event_payload": {"document": document, "slot": "parent"}}
    early = StoredMessage(
        channel="C0OPS", ts=f"{now - 200:.6f}", author=slack.app.bot_user, text="checking", metadata=about
    )
    slack.workspace.post(early)
    if stored == "by this version":
        client.stores.documents.note_delivered(document, PostAttempt("parent", "C0OPS", now - 61))
        client.stores.documents.note_delivered(document, DoubtfulPost("parent", "C0OPS", None, now - 300, now))
    else:
        key = f"egress-diag:delivered:{document}"
        client.stores.redis.hset(key, "parent", f'["C0OPS","?{now - 61:.6f}",""]')
        client.stores.redis.hset(key, "doubt/parent", f'["C0OPS","?{now - 300:.6f}","{now:.6f}/"]')
    deliver(courier, run)
    assert [m.ts for m in slack.messages()] == [early.ts]


def test_the_waits_begin_again_after_progress(courier: Courier, client: Client, slack: SandboxServer) -> None:
    run = finish(client, accepted(client), BROKEN)
    slack.faults.lose_answers(3, "chat.postMessage")
    for _ in range(3):
        assert courier.deliver(f"run/{run.id}").retry_seconds == 1.0
        client.stores.redis.delete(f"egress-diag:wait:run/{run.id}")
    slack.faults.server_errors(1)
    assert courier.deliver(f"run/{run.id}").retry_seconds == 2.0, "this attempt made no progress"


@pytest.mark.parametrize("stored", ["by this version", "by version 0.1"])
def test_the_window_for_duplicates_ends(courier: Courier, client: Client, slack: SandboxServer, stored: str) -> None:
    run = accepted(client)
    slack.faults.drop_requests(1, "chat.postMessage")
    deliver(courier, run)
    document = f"run/{run.id}"
    assert document not in client.stores.documents.due(0), "it is complete"
    assert document in client.stores.documents.due(-10), "and it will be delivered again"
    doubt = client.stores.documents.deliveries(document).doubts["parent"]
    noted = time.time() - 500
    if stored == "by this version":
        client.stores.documents.note_delivered(document, replace(doubt, noted=noted))
    else:
        client.stores.documents.forget_doubt(document, "parent")
        value = f'["{doubt.channel}","?{doubt.since:.6f}","{noted:.6f}/"]'
        client.stores.redis.hset(f"egress-diag:delivered:{document}", "doubt/parent", value)
    client.stores.documents.changed(document)
    assert courier.deliver(document).search_seconds is None
    assert client.stores.redis.hkeys(f"egress-diag:delivered:{document}") == ["parent", "revision"]
    assert client.stores.documents.deliveries(document).doubts == {}
