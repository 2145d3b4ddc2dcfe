"""Hosts, terms, offers of an incident and other words, in a thread and outside one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.sandbox import SandboxServer, StoredMessage
from checks.config.configuration_file import load
from checks.model.findings import Verdict
from tests.bot.conftest import write_config
from tests.bot.conversation import Conversation, conversation
from tests.clusters.compose import named, write_bundle
from tests.incidents.incidents import incidents
from tests.system import slot
from workers.client import ConnectedClient as Client
from workers.records.gateway_state import GatewayCheck, SweptCluster

pytestmark = pytest.mark.slow


def asked(talk: Conversation, question: str, *, user: str = "U0ALICE") -> StoredMessage:
    """The last message of the thread after a question."""
    talk.say(f"@egress-diag {question}", thread=talk.parents[0], user=user)
    return talk.slack.thread(talk.parents[0])[-1]


def owners(talk: Conversation) -> dict[str, str]:
    """The owner of each gateway's incident."""
    return {name: each.user for name, each in talk.client.stores.history.owners("prod-weu").items()}


def shown(message: StoredMessage) -> str:
    return message.shown.replace("\u2060", "")


@pytest.mark.parametrize(
    "question",
    ["how do I make tea", "how do I fix my printer", "why is the sky blue", "who has the keys to the office"],
)
def test_words_about_something_else_get_three_questions_that_work_there(broken: Conversation, question: str) -> None:
    """ "How do I make tea" was answered with the recipe of the incident."""
    count = len(broken.slack.thread(broken.parents[0]))
    broken.say(f"@egress-diag {question}", thread=broken.parents[0], user="U0BOB")
    (private,) = broken.slack.ephemerals(user="U0BOB")
    assert private.shown.startswith("Not understood.")
    assert private.buttons == ("ask/0", "ask/1", "ask/2")
    assert len(broken.slack.thread(broken.parents[0])) == count + 1, "only the question"


def test_a_term_is_explained_with_its_page(broken: Conversation) -> None:
    said = shown(asked(broken, "what does static egress mean?"))
    assert said.startswith("*static egress gateway:* AKS routes traffic of annotated pods")
    assert "<https://learn.microsoft.com/azure/aks/configure-static-egress-gateway|Documentation>" in said
    assert "verdict" in shown(asked(broken, "what does inconclusive mean"))
    ack = broken.say("/egress-diag what is SNAT")
    assert ack.message is not None
    assert ack.message.shown.startswith("*SNAT:*")


def test_a_host_in_a_question_is_checked_in_the_thread(talk: Conversation) -> None:
    talk.say("/egress-diag prod-neu egw")
    talk.say("@egress-diag does api.x.example work?", thread=talk.parents[0])
    thread = "\n".join(shown(m) for m in talk.slack.thread(talk.parents[0]))
    assert "api.x.example is not routed through egw" in thread
    assert len(talk.parents) == 1 or "api.x.example" in shown(talk.parents[-1])


def test_a_question_about_the_host_of_the_check_is_answered_from_it(talk: Conversation) -> None:
    talk.say("/egress-diag prod-neu egw --host api.x.example")
    assert shown(asked(talk, "does api.x.example work?")).startswith("❌ *Not fixed:* api.x.example is not routed")
    assert shown(asked(talk, "why does api.x.example fail?")).startswith(
        "*Why:* api.x.example is not routed through egw"
    )


def test_a_host_outside_a_thread_gets_the_gateways_to_choose_from(talk: Conversation) -> None:
    talk.say("/egress-diag prod-neu egw")
    talk.say("@egress-diag does edition.cnn.com work?")
    (private,) = talk.slack.ephemerals()
    assert shown(private).startswith("Through which gateway?")
    count = len(talk.parents)
    talk.press(private, "suggestion/0")
    assert "edition.cnn.com" in shown(talk.slack.latest(talk.parents[-1]) or talk.parents[-1])
    assert len(talk.parents) == count + 1


def test_an_incident_is_offered_and_taken_by_the_button(broken: Conversation) -> None:
    offer = asked(broken, "hand it over to @bob")
    assert shown(offer).startswith("🙋 <@U0ALICE> offers the incident of `team-egress/egw` to <@U0BOB>.")
    assert not owners(broken), "an offer is no ownership"
    broken.press(offer, "own", user="U0BOB")
    assert owners(broken) == {"team-egress/egw": "U0BOB"}
    broken.say("@egress-diag give it to @dave", thread=broken.parents[0], user="U0BOB")
    assert "Choose the name that Slack offers after `@`" in broken.last_answer("U0BOB")


@pytest.mark.parametrize(
    ("take", "release"), [("ack", "let go"), ("on it", "drop it"), ("I'll handle it", "unassign me")]
)
def test_other_words_take_and_release_the_incident(broken: Conversation, take: str, release: str) -> None:
    broken.say(f"@egress-diag {take}", thread=broken.parents[0])
    assert owners(broken) == {"team-egress/egw": "U0ALICE"}
    broken.say(f"@egress-diag {release}", thread=broken.parents[0])
    assert not owners(broken)


def test_how_long_it_was_broken_is_the_duration_of_the_incident(talk: Conversation) -> None:
    """The answer was the time since which the gateway serves."""
    now = datetime.now(UTC)
    for minutes, verdict in ((120, Verdict.HEALTHY), (60, Verdict.BROKEN), (19, Verdict.HEALTHY)):
        at = now - timedelta(minutes=minutes)
        check = GatewayCheck(f"fleet-{minutes}", "prod-neu", "team-egress/egw", at, verdict)
        swept = SweptCluster("prod-neu", check.by, at, 1, complete=False)
        talk.client.stores.fleet.ledger.record_sweep(swept, [check], at)
    talk.say("/egress-diag prod-neu egw")
    assert shown(asked(talk, "how long was it broken?")).startswith(
        "✅ *It lasted 41 min:* `team-egress/egw` on `prod-neu` was broken from <!date"
    )


def test_how_long_before_an_outage_and_during_one(talk: Conversation) -> None:
    talk.say("/egress-diag prod-neu egw")
    assert shown(asked(talk, "how long did the outage last")).startswith("✅ No outage of `team-egress/egw`")
    talk.say("/egress-diag weu egw")
    talk.say("@egress-diag how long was it broken", thread=talk.parents[1])
    assert shown(talk.slack.thread(talk.parents[1])[-1]).startswith(
        "❌ *Broken for less than a minute, not over:* `team-egress/egw` on `prod-weu`, first seen"
    )


def test_a_healthy_gateway_offers_no_incident_to_take(talk: Conversation) -> None:
    talk.say("/egress-diag prod-neu egw")
    said = asked(talk, "who owns it")
    assert shown(said) == "✅ team-egress/egw is healthy: there is no incident to take."
    assert not said.buttons


@pytest.fixture
def handing_over(slack: SandboxServer, client: Client, tmp_path: Path) -> object:
    rule = "  - {allow: [diagnose, handoff], users: ['*'], channels: ['*']}\n"
    with conversation(slack, client, load(write_config(tmp_path, access=rule))) as talk:
        yield talk


def test_a_handoff_by_mention_shows_its_draft_first(handing_over: Conversation) -> None:
    """A mention posted the handoff at once; a slash command showed the draft."""
    handing_over.say("/egress-diag weu egw")
    handing_over.say("@egress-diag handoff 4h @bob pool is with Azure", thread=handing_over.parents[0])
    (private,) = handing_over.slack.ephemerals()
    assert private.shown.startswith("The handoff is posted after you have seen its draft.")
    assert not [m for m in handing_over.slack.messages("C0OPS") if slot(m) == "handoff"]
    handing_over.press(private, "suggestion/0")
    draft = handing_over.slack.views()[-1]
    assert draft.shown.startswith("Hand over")
    assert all(each in str(draft.blocks) for each in ("pool is with Azure", "U0BOB"))


def test_words_without_a_check_get_words_that_work_there(handing_over: Conversation) -> None:
    place = handing_over.slack.workspace.direct_channel("U0ALICE").id
    handing_over.say("how do I make tea", channel=place)
    private = handing_over.slack.ephemerals(user="U0ALICE")[-1]
    assert private.shown.startswith("Not understood. Here, you can type:")
    assert private.buttons == ("suggestion/0", "suggestion/1", "suggestion/2")
    handing_over.press(private, "suggestion/0")
    assert "prod-weu" in handing_over.last_answer()


def test_a_question_about_another_host_leaves_the_thread_to_its_incident(talk: Conversation) -> None:
    """After "does edition.cnn.com work", "commands" and "watch" were those of that host."""
    talk.say("/egress-diag prod-neu egw --host https://api.x.example")
    before = shown(asked(talk, "what next"))
    assert before.startswith("*Next steps for* `https://api.x.example`") or "api.x.example" in before.split("\n")[0]
    asked(talk, "does edition.cnn.com work?")
    thread = "\n".join(shown(m) for m in talk.slack.thread(talk.parents[0]))
    assert "edition.cnn.com: http works; https does not" in thread, "the question was answered"
    assert "for* api.x.example" in shown(asked(talk, "commands")).split("\n")[0]
    assert "api.x.example" in shown(asked(talk, "what next")).split("\n")[0]
    assert "`api.x.example" in shown(asked(talk, "watch")).split("\n")[0]


def test_a_question_about_a_host_leaves_the_thread_to_its_gateway(broken: Conversation) -> None:
    asked(broken, "what about https://api.x.example?")
    assert shown(asked(broken, "commands")).startswith("*3 commands for* team-egress/egw\n")
    asked(broken, "again")
    assert shown(asked(broken, "what next")).startswith("*Next steps for* `team-egress/egw`")


def test_the_next_steps_in_the_thread_have_their_commands(talk: Conversation) -> None:
    """ "The command is in the thread" was said in the thread."""
    talk.say("/egress-diag prod-neu egw --host https://api.x.example")
    said = shown(asked(talk, "what next"))
    assert "is in the thread" not in said
    assert "in the thread" in shown(talk.slack.latest(talk.parents[0]) or talk.parents[0])
    for kind in ("ServiceEntry", "Gateway", "VirtualService"):
        assert f"kind: {kind}" in said


def test_a_healthy_gateway_needs_no_command(talk: Conversation) -> None:
    talk.say("/egress-diag prod-neu egw")
    assert shown(asked(talk, "commands")).startswith("✅ No command is needed: team-egress/egw is healthy.")


def test_why_it_was_broken_is_answered_after_the_recovery(broken: Conversation, tmp_path: Path) -> None:
    """ "Nothing failed" was said of a gateway that had just recovered."""
    write_bundle(named("base"), tmp_path / "healed")
    config = broken.diagnoser.clusters.config
    clusters = tuple(c.model_copy(update={"bundle": tmp_path / "healed"}) for c in config.clusters)
    broken.diagnoser.clusters.config = config.model_copy(update={"clusters": clusters})
    broken.say("@egress-diag again", thread=broken.parents[0])
    for question in ("why was it broken?", "why", "what broke"):
        said = shown(asked(broken, question))
        assert said.startswith("✅ *Nothing fails now.* `team-egress/egw` was broken from <!date"), question
        assert "• EG407 The gateway node pool does not exist" in said


def test_how_bad_a_warning_is_says_what_may_fail(talk: Conversation, tmp_path: Path) -> None:
    """ "At risk" named neither what nor why."""
    write_bundle(next(each.cluster for each in incidents() if each.name.startswith("053-")), tmp_path / "degraded")
    config = talk.diagnoser.clusters.config
    clusters = tuple(c.model_copy(update={"bundle": tmp_path / "degraded"}) for c in config.clusters)
    talk.diagnoser.clusters.config = config.model_copy(update={"clusters": clusters})
    talk.say("/egress-diag prod-neu egw")
    lines = shown(asked(talk, "how bad is it")).split("\n")
    assert lines[0].startswith("⚠️ *At risk:* `team-egress/egw`")
    assert lines[1] == "No check fails. What may fail, and why:"
    assert lines[2].startswith("• EG")
    assert "autoscaler" in lines[2]


def test_an_unknown_code_is_a_mistake(broken: Conversation) -> None:
    asked(broken, "is EG999 ok")
    assert shown(broken.slack.ephemerals()[-1]) == "There is no check EG999."
