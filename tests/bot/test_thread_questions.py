"""Questions in the thread of a check, and direct messages."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.sandbox import SandboxServer, StoredMessage
from checks.config.configuration_file import load
from tests.bot.conftest import write_config
from tests.bot.conversation import Conversation, conversation
from tests.bot.messages.test_message_numbers import unreachable
from tests.bot.present_times import age
from tests.clusters.compose import write_bundle
from tests.system import slot
from workers.client import ConnectedClient as Client
from workers.records.run import Run

pytestmark = pytest.mark.slow


def asked(talk: Conversation, question: str, *, user: str = "U0ALICE") -> StoredMessage:
    """The last message of the thread after a question."""
    talk.say(f"@egress-diag {question}", thread=talk.parents[0], user=user)
    return talk.slack.thread(talk.parents[0])[-1]


def test_is_it_the_gateway_or_the_host(broken: Conversation) -> None:
    said = asked(broken, "is it the gateway or the host?").shown
    assert said.startswith("❌ *It is the gateway* `team-egress/egw`\n• EG407")
    assert "No host was checked. Add one: `prod-weu team-egress/egw --host HOST`" in said
    assert not broken.slack.ephemerals(), "a public question has a public answer"


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("api.x.example", "❌ *It is the host, not the gateway:* api.x.example is not routed through egw."),
        (
            "edition.cnn.com",
            "⚠️ *It is the host, not the gateway:* edition.cnn.com: http works; https does not (connection reset).\n• EG512",
        ),
        (
            "http://edition.cnn.com",
            "✅ *Neither:* edition.cnn.com:80 is routed through egw.\nThe gateway team-egress/egw is healthy.\n",
        ),
    ],
)
def test_a_host_and_its_gateway_are_judged_apart(talk: Conversation, host: str, said: str) -> None:
    talk.say(f"/egress-diag prod-neu egw --host {host}")
    assert asked(talk, "gateway or host").shown.replace("\u2060", "").startswith(said)


@pytest.mark.parametrize(
    ("host", "headline", "lock_screen"),
    [
        (
            "api.x.example",
            "❌ *api.x.example is not routed through egw*\nThe gateway `team-egress/egw` on `prod-neu` has no failure. ",
            "api.x.example is not routed through egw. No VirtualService routes api.x.example",
        ),
        (
            "edition.cnn.com",
            "⚠️ *edition.cnn.com: http works; https does not (connection reset)*\nThe gateway `team-egress/egw`",
            "edition.cnn.com: http works; https does not (connection reset). The gateway is healthy.",
        ),
        (
            "https://edition.cnn.com",
            "❌ *https to edition.cnn.com:443 fails (connection reset)*\n",
            "https to edition.cnn.com:443 fails (connection reset). ",
        ),
        ("http://edition.cnn.com", "✅ *edition.cnn.com:80 is routed through egw*\n", "edition.cnn.com:80 is routed"),
    ],
)
def test_the_hosts_question_has_the_hosts_headline(
    talk: Conversation, host: str, headline: str, lock_screen: str
) -> None:
    """A gateway without a failure was "Broken", and all green although https did not work."""
    talk.say(f"/egress-diag prod-neu egw --host {host}")
    parent = talk.slack.latest(talk.parents[0])
    assert parent is not None
    assert parent.shown.replace("\u2060", "").startswith(headline)
    assert parent.text.replace("\u2060", "").startswith(lock_screen)
    assert "*Broken:*" not in parent.shown
    assert ("→ ✅" in parent.shown) == (not headline.startswith("⚠️"))


def test_the_fix_of_an_unconfigured_host_is_complete_for_the_scheme_that_was_asked(talk: Conversation) -> None:
    talk.say("/egress-diag prod-neu egw --host https://api.x.example")
    thread = "\n".join(m.shown for m in talk.slack.thread(talk.parents[0]))
    for kind in ("ServiceEntry", "Gateway", "VirtualService"):
        assert f"kind: {kind}" in thread
    assert "number: 443" in thread
    assert "number: 80" not in thread


def test_what_changed_says_what_is_different_from_the_check_before(broken: Conversation) -> None:
    said = asked(broken, "what changed?").shown
    assert "Never seen working" in said
    broken.say("@egress-diag again", thread=broken.parents[0])
    assert "*Still broken, with changes*" in asked(broken, "what changed").shown


def test_what_next_is_the_recipe_of_the_card(broken: Conversation) -> None:
    said = asked(broken, "what next?").shown
    assert said.startswith("*Next steps for* `team-egress/egw`")
    assert "```" in said


def test_whether_it_is_fixed_comes_from_a_fresh_check(broken: Conversation) -> None:
    said = asked(broken, "is it fixed?").shown
    assert said.startswith("❌ *Not fixed:* `team-egress/egw` is broken. StaticGatewayConfiguration")
    assert "\nAs of <!date" in said, "the result is new"
    age(broken, timedelta(minutes=1))
    broken.say("@egress-diag is it fixed?", thread=broken.parents[0])
    *_, question, now, result = (m.shown for m in broken.slack.thread(broken.parents[0]))
    assert "is it fixed?" in question
    assert now.startswith("⏳ *Checking now.* Last known, <!date")
    assert "❌ `team-egress/egw` is broken. StaticGatewayConfiguration" in now
    assert "Not fixed" not in now, "nothing was checked yet"
    assert result.startswith("❌ Still broken at <!date"), "the check's result is the answer"


def test_who_has_it(broken: Conversation) -> None:
    said = asked(broken, "who owns it?")
    assert said.shown.startswith("🙋 `team-egress/egw` has no owner · Contact: #platform-team")
    broken.press(said, "own", user="U0BOB")
    assert asked(broken, "who's on it").shown.startswith("🙋 Owner of `team-egress/egw`: <@U0BOB>")


def test_the_report_is_a_file_in_the_thread_and_thanks_are_answered(broken: Conversation) -> None:
    broken.say("@egress-diag report", thread=broken.parents[0])
    assert any(m.files for m in broken.slack.thread(broken.parents[0]))
    assert asked(broken, "thanks!").shown == "👍"


def test_a_second_report_is_answered(broken: Conversation) -> None:
    """The same report is posted once; the second question got no answer."""
    for question in ("report", "the full report"):
        broken.say(f"@egress-diag {question}", thread=broken.parents[0])
    assert sum(bool(m.files) for m in broken.slack.thread(broken.parents[0])) == 1
    assert broken.last_answer() == "The full report is already in the thread."


def test_stop_says_that_nothing_is_active_and_what_it_ends(broken: Conversation) -> None:
    """ "This run has already ended (done)" named neither."""
    broken.say("@egress-diag stop", thread=broken.parents[0])
    said = (
        "Nothing to stop: no check and no watch is active in this thread (team-egress/egw). `stop` ends an active one."
    )
    assert broken.last_answer() == said
    broken.say("@egress-diag watch", thread=broken.parents[0])
    broken.say("@egress-diag stop", thread=broken.parents[0])
    assert not broken.client.stores.watches.active()
    assert broken.last_answer() == said, "there is no second private answer"


def test_what_is_not_understood_gets_three_questions_that_work_there(broken: Conversation) -> None:
    count = len(broken.slack.thread(broken.parents[0]))
    broken.say("@egress-diag lorem ipsum", thread=broken.parents[0], user="U0BOB")
    (private,) = broken.slack.ephemerals(user="U0BOB")
    assert private.shown.startswith("Not understood.")
    assert private.buttons == ("ask/0", "ask/1", "ask/2")
    assert [slot(m) for m in broken.slack.thread(broken.parents[0])].count("question") == 0
    broken.press(private, "ask/1", user="U0BOB")
    thread = broken.slack.thread(broken.parents[0])
    assert len(thread) == count + 2, "the question and the answer"
    assert thread[-1].shown.startswith("*Next steps for*")


def test_a_command_and_a_near_name_in_a_thread_are_still_read(broken: Conversation) -> None:
    broken.say("@egress-diag prod-nue egw", thread=broken.parents[0])
    assert 'No cluster "prod-nue". Did you mean prod-neu or prod-weu?' in broken.last_answer()
    broken.say("@egress-diag /egress-diag list", thread=broken.parents[0])
    assert "prod-neu" in broken.last_answer()


def test_questions_during_a_check(talk: Conversation) -> None:
    talk.slack.say("/egress-diag weu egw")
    (run,) = talk.client.active(Run)
    talk.courier.deliver(f"run/{run.id}")
    talk.slack.say("@egress-diag what next?", thread=talk.parents[0])
    talk.slack.wait_until(lambda: [m for m in talk.slack.thread(talk.parents[0]) if slot(m) == "question"])
    assert "is not complete" in talk.slack.thread(talk.parents[0])[-1].shown


def test_the_permission_is_needed_for_every_answer(slack: SandboxServer, client: Client, tmp_path: Path) -> None:
    rule = "  - {allow: [diagnose], users: ['U0ALICE'], channels: ['C0OPS']}\n"
    with conversation(slack, client, load(write_config(tmp_path, access=rule))) as talk:
        talk.say("/egress-diag weu egw")
        count = len(talk.slack.thread(talk.parents[0]))
        for question in ("why", "gateway or host", "what changed", "what next", "is it fixed", "who owns it", "report"):
            talk.say(f"@egress-diag {question}", thread=talk.parents[0], user="U0BOB")
            assert "don't have permission" in talk.last_answer("U0BOB"), question
        assert len(talk.slack.thread(talk.parents[0])) == count + 7, "only the questions"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("is it fixed", "❌ *Not fixed:* api.x.example is not routed through egw. "),
        ("still broken?", "❌ *Not fixed:* api.x.example is not routed through egw. "),
        ("since when", "❌ api.x.example is not routed through egw.\n• EG507"),
        ("why", "*Why:* api.x.example is not routed through egw\n❌ *EG507"),
        ("who else is affected", "❌ *Clients cannot reach api.x.example*\nThe gateway team-egress/egw has no failure."),
        ("which host", "`team-egress/egw` on `prod-neu`\nHost: `api.x.example` · api.x.example is not routed through egw"),
        ("can I restart it safely", "✅ *A restart does not help:* no cause of `api.x.example` has one as its step."),
        ("is the gateway broken", "✅ *The gateway team-egress/egw has no failure*\nHost: ❌ api.x.example is not routed"),
        ("how long was it broken", "❌ *Failing for less than a minute, not over:* `api.x.example` through `team-egress/egw`"),
        ("what next", "*Next steps for* `api.x.example` through `team-egress/egw`"),
        ("what was not checked", "✅ `team-egress/egw` on `prod-neu`: "),
        ("what is the egress ip", "Egress IP prefix of `team-egress/egw`: `20.50.60.0/30`."),
    ],
)  # fmt: skip
def test_an_answer_about_a_host_says_nothing_bad_of_its_gateway(talk: Conversation, question: str, said: str) -> None:
    talk.say("/egress-diag prod-neu egw --host api.x.example")
    assert asked(talk, question).shown.replace("\u2060", "").startswith(said)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("how bad is it", "⚠️ *edition.cnn.com: http works; https does not (connection reset)*\nThe gateway team-egress/egw is"),
        ("why", "*Why:* edition.cnn.com: http works; https does not (connection reset)\n⚠️ *EG512"),
        ("is the gateway broken?", "✅ *The gateway team-egress/egw is healthy*\nHost: ⚠️ edition.cnn.com: http works; https"),
        ("is it fixed", "⚠️ *It works in part:* edition.cnn.com: http works; https does not (connection reset)."),
        ("since when", "⚠️ edition.cnn.com: http works; https does not (connection reset).\n• EG512"),
        ("can I restart it", "✅ *A restart does not help:* no cause of `edition.cnn.com`"),
    ],
)  # fmt: skip
def test_a_scheme_that_fails_says_nothing_bad_of_the_gateway(talk: Conversation, question: str, said: str) -> None:
    """ "How bad" and "why" called a healthy gateway degraded."""
    talk.say("/egress-diag prod-neu egw --host edition.cnn.com")
    answer = asked(talk, question).shown.replace("\u2060", "")
    assert answer.startswith(said)
    assert "degraded" not in answer.lower()


def test_a_repeated_check_of_a_host_compares_the_hosts_outcome(talk: Conversation) -> None:
    talk.say("/egress-diag prod-neu egw --host api.x.example")
    talk.say("@egress-diag again", thread=talk.parents[0])
    last = talk.slack.thread(talk.parents[0])[-1]
    assert last.shown.replace("\u2060", "").startswith("❌ As before: api.x.example is not routed through egw, <!date")
    assert "broken" not in last.shown.lower()
    assert "take it" not in last.shown.lower(), "the card has the owner"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("still broken?", "✅ *It works:* `team-egress/egw` is healthy. "),
        ("I'll take it", "✅ team-egress/egw is healthy: there is no incident to take."),
        ("is traffic failing", "✅ EG524 passed: None of 2 recent requests"),
        ("why", "✅ team-egress/egw: nothing failed."),
        ("is the gateway ok", "✅ *The gateway is healthy:* `team-egress/egw`"),
        ("how long was it broken", "✅ No outage of `team-egress/egw` on `prod-neu` is recorded since"),
        ("what is affected", "✅ *Nothing is affected:* `team-egress/egw` on `prod-neu`"),
        ("can I restart it", "✅ `team-egress/egw` is healthy: no restart is needed."),
        ("since when", "✅ `team-egress/egw` on `prod-neu` has served at every check since <!date"),
        ("what does EG407 mean", "✅ EG407 passed: Node pool gwpool exists"),
        ("what was not checked", "✅ `team-egress/egw` on `prod-neu`: 53 checked, 14 do not apply."),
    ],
)
def test_questions_about_a_healthy_gateway(talk: Conversation, question: str, said: str) -> None:
    talk.say("/egress-diag prod-neu egw")
    assert asked(talk, question).shown.replace("\u2060", "").startswith(said)
    assert not talk.client.stores.history.owners("prod-neu")


def test_questions_about_a_gateway_that_was_not_checked(talk: Conversation, tmp_path: Path) -> None:
    """ "Why" said that nothing failed, although nothing was read."""
    write_bundle(unreachable(), tmp_path / "unreachable")
    config = talk.diagnoser.clusters.config
    clusters = tuple(c.model_copy(update={"bundle": tmp_path / "unreachable"}) for c in config.clusters)
    talk.diagnoser.clusters.config = config.model_copy(update={"clusters": clusters})
    talk.say("/egress-diag weu egw")
    reason = "The API server of cluster prod-weu did not answer in time"
    for question, said in {
        "how long was it broken": "❔ *Inconclusive for less than a minute, not over:*",
        "is the gateway ok": "❔ *The gateway is inconclusive:* `team-egress/egw`\nThe API server",
        "why": f"*Why* team-egress/egw *is inconclusive*\n❔ {reason}: 54 checks not made · 👉 Check what blocks",
        "what is affected": "❔ *Not checked whether egress works:*",
        "can I restart it safely": f"❔ *Not checked* whether a restart is safe: the{reason[3:]}",
        "what is the egress ip": "❔ The egress IP prefix of `team-egress/egw` was not checked.\n❔ EG405 not checked: list",
        "since when": "❔ `team-egress/egw` on `prod-weu`: checks are inconclusive since <!date",
        "are you sure": "❔ `team-egress/egw` on `prod-weu`: 9 checked, 54 not checked, 4 do not apply.",
        "commands": "*1 command for* team-egress/egw\n*1.* Check what blocks",
        "is it fixed": "❔ *Not checked:* `team-egress/egw` is inconclusive",
    }.items():
        assert asked(talk, question).shown.replace("\u2060", "").startswith(said), question


def test_who_else_is_affected_names_only_gateways_that_the_person_may_check(
    slack: SandboxServer, client: Client, tmp_path: Path
) -> None:
    rules = (
        "  - {allow: [diagnose], users: ['U0ALICE'], channels: ['C0OPS']}\n"
        "  - {allow: [diagnose], users: ['U0BOB'], channels: ['C0OPS'], clusters: ['prod-neu']}\n"
    )
    with conversation(slack, client, load(write_config(tmp_path, access=rules))) as talk:
        talk.say("/egress-diag weu egw")
        talk.say("/egress-diag prod-neu egw")
        healthy = talk.parents[-1]
        said = {}
        for user in ("U0ALICE", "U0BOB"):
            talk.say("@egress-diag who else is affected", thread=healthy, user=user)
            said[user] = talk.slack.thread(healthy)[-1].shown
        assert "❌ `team-egress/egw` on `prod-weu`: EG407" in said["U0ALICE"]
        assert "prod-weu" not in said["U0BOB"]
        assert "No other gateway that you may check here has been checked." in said["U0BOB"]


def test_a_misspelled_command_is_a_button_and_history_is_answered_in_the_thread(broken: Conversation) -> None:
    broken.say("@egress-diag wacth it", thread=broken.parents[0])
    private = broken.slack.ephemerals()[-1]
    assert private.shown.replace("\u2060", "").startswith("Did you mean `watch it`?")
    broken.press(private, "ask/0")
    assert "👀 Watched for <@U0ALICE>" in (broken.slack.latest(broken.parents[0]) or broken.parents[0]).shown
    assert asked(broken, "has this happened before").shown.startswith("*Last 2 runs for*")
    broken.say("@egress-diag I'll take it", thread=broken.parents[0], user="U0BOB")
    assert asked(broken, "who owns it").shown.startswith("🙋 Owner of `team-egress/egw`: <@U0BOB>")


# direct messages


@pytest.fixture
def direct(slack: SandboxServer, client: Client, tmp_path: Path) -> object:
    rule = "  - {allow: [diagnose], users: ['U0ALICE'], channels: ['*']}\n"
    with conversation(slack, client, load(write_config(tmp_path, access=rule))) as talk:
        yield talk


def test_a_direct_message_is_a_command_and_then_a_conversation(direct: Conversation) -> None:
    place = direct.slack.workspace.direct_channel("U0ALICE").id
    direct.say("prod-weu egw", channel=place)
    (parent,) = (m for m in direct.slack.messages(place) if slot(m) == "parent")
    assert "*Broken:*" in parent.shown
    direct.say("is it the gateway or the host?", channel=place)
    assert "It is the gateway" in direct.slack.messages(place)[-1].shown
    direct.say("what next", channel=place, thread=parent)
    assert "Next steps" in direct.slack.thread(parent)[-1].shown
    direct.say("help", channel=place)
    assert "finds out why" in direct.last_answer()


def test_a_direct_message_without_permission_is_refused(direct: Conversation) -> None:
    place = direct.slack.workspace.direct_channel("U0BOB").id
    direct.say("prod-weu egw", channel=place, user="U0BOB")
    assert not [m for m in direct.slack.messages(place) if slot(m) == "parent"]
    assert 'No cluster "prod-weu"' in direct.last_answer("U0BOB").replace("\u2060", "")


# the assistant view


def titles(talk: Conversation, thread: StoredMessage) -> list[str]:
    return [each["title"] for each in talk.slack.prompts(thread)]


def open_assistant(talk: Conversation, *, user: str = "U0ALICE", viewed: str = "") -> StoredMessage:
    """The first message of a new thread in the assistant view."""
    ack, thread = talk.slack.open_assistant(user=user, viewed=viewed)
    assert ack.ok
    talk.play()
    return thread


def test_the_assistant_view_offers_the_questions_of_its_thread(direct: Conversation) -> None:
    thread = open_assistant(direct)
    assert titles(direct, thread) == ["List clusters", "Help"]
    direct.say("prod-weu egw", channel=thread.channel, thread=thread)
    assert titles(direct, thread) == ["Why", "What next", "Watch", "Report"]
    for prompt in direct.slack.prompts(thread)[:2]:
        direct.say(prompt["message"], channel=thread.channel, thread=thread)
    said = [m.shown for m in direct.slack.thread(thread)]
    assert "Next steps for" in said[-1]
    assert not direct.slack.ephemerals()


def test_a_new_assistant_thread_offers_the_last_checks_that_are_permitted_there(direct: Conversation) -> None:
    place = direct.slack.workspace.direct_channel("U0ALICE").id
    direct.say("prod-weu egw", channel=place)
    assert titles(direct, open_assistant(direct)) == ["Check egw on prod-weu", "List clusters", "Help"]
    thread = open_assistant(direct, viewed="C0OPS")
    assert titles(direct, thread) == ["Check egw on prod-weu", "List clusters", "Help"], "the channel has no check"
    assert titles(direct, open_assistant(direct, user="U0BOB")) == ["List clusters", "Help"]
    direct.say(direct.slack.prompts(thread)[0]["message"], channel=place, thread=thread)
    assert "Broken" in "".join(m.shown for m in direct.slack.messages(place))


def test_the_assistant_view_answers_mistakes_in_its_thread(direct: Conversation) -> None:
    thread = open_assistant(direct)
    direct.say("why", channel=thread.channel, thread=thread)
    direct.say("prod-wue egw", channel=thread.channel, thread=thread)
    said = [m.shown.replace("\u2060", "") for m in direct.slack.thread(thread)]
    assert any("Nothing was checked here yet." in each for each in said)
    assert "prod-weu" in said[-1]
    assert not direct.slack.ephemerals()


def test_the_questions_work_where_slack_takes_no_prompts(direct: Conversation) -> None:
    direct.slack.faults.take_scope("assistant:write")
    thread = open_assistant(direct)
    assert not direct.slack.prompts(thread)
    direct.say("prod-weu egw", channel=thread.channel, thread=thread)
    direct.say("what next", channel=thread.channel, thread=thread)
    assert "Next steps for" in direct.slack.thread(thread)[-1].shown
    assert len(direct.slack.calls("assistant.threads.setSuggestedPrompts")) == 2, (
        "one for the thread, one for the result"
    )
