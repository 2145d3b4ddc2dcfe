"""Commands, buttons and forms in an incident, and the resulting messages."""

from __future__ import annotations

import io
import re
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
import urllib3

from bot.messages.interaction_values import FindingValue
from bot.sandbox import SandboxServer, View
from bot.sandbox.event_delivery import http_body, signed_headers
from bot.sandbox.model.block_rules import problems_of_view
from checks.config.configuration_file import load
from tests.bot.conftest import broken_cluster, write_config
from tests.bot.conversation import Conversation, conversation
from tests.clusters.compose import named, write_bundle
from tests.system import slot, slots, whole_thread
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.queue.settings import WorkerSettings
from workers.records.run import Run
from workers.records.watch import Watch, WatchState
from workers.runs.cluster_sources import ClusterSources
from workers.tasks.execution import Diagnoser

pytestmark = pytest.mark.slow


def test_a_broken_gateway_shows_its_root_cause_first_and_folds_symptoms(broken: Conversation) -> None:
    thread = whole_thread(broken.slack)
    assert slots(thread)[:3] == ["parent", "verdict", "finding/gateway-pool-missing"]
    assert "gwpol" in thread[0].shown
    roots = [name for name in slots(thread) if name.startswith("finding/")]
    assert "Explains " in thread[1].shown
    assert all("Caused by" not in m.shown for m in thread), roots
    unfold = next(button for button in thread[1].buttons if button.startswith("unfold"))
    broken.press(thread[1], unfold, user="U0BOB")
    assert "kubectl" in broken.last_answer("U0BOB")


def test_a_recheck_shows_only_changes(broken: Conversation, tmp_path: Path) -> None:
    parent = broken.parents[0]
    broken.press(parent, "check_again")
    again = [m for m in broken.slack.thread(parent) if slot(m) == "parent"]
    assert len(again) == 1
    assert "Nothing changed" in again[0].shown
    count = len(broken.slack.thread(parent))

    _fix(broken, tmp_path)
    broken.press(parent, "check_again", user="U0BOB")
    news = broken.slack.thread(parent)[count:]
    assert [slot(m) for m in news if not slot(m).startswith(("finding", "unknown"))] == ["parent"]
    assert "was ❌ broken" in news[0].shown
    assert "resolved: EG4" in news[0].shown
    assert news[0].text.startswith("Now healthy: team-egress/egw on prod-weu, was broken.")
    latest = broken.slack.latest(parent)
    assert latest is not None
    assert "Recovered <!date" in latest.shown, "the parent in the channel shows the result of the thread"
    assert len(broken.parents) == 1


def test_a_double_press_starts_one_run_without_an_answer(talk: Conversation) -> None:
    talk.say("/egress-diag weu egw")
    parent = talk.parents[0]
    talk.slack.press(parent, "check_again")
    talk.slack.press(parent, "check_again")
    talk.play()
    assert len([m for m in talk.slack.thread(parent) if slot(m) == "parent"]) == 1
    assert not talk.slack.ephemerals()


def test_why_shows_the_causal_chain_to_the_person_alone(broken: Conversation) -> None:
    before = len(broken.slack.thread(broken.parents[0]))
    broken.menu(broken.parents[0], "why")
    assert "↳" in broken.last_answer()
    assert "EG405" in broken.last_answer()
    assert len(broken.slack.thread(broken.parents[0])) == before


def test_each_command_has_its_own_block(broken: Conversation) -> None:
    """Its verification and its undo follow in the same block."""
    broken.menu(broken.parents[0], "commands")
    heading, *blocks = (
        block["text"]["text"]
        for block in broken.slack.ephemerals(user="U0ALICE")[-1].blocks
        if block["type"] == "section"
    )
    assert heading.startswith(f"*{len(blocks)} commands for*")
    assert len(blocks) >= 3
    for number, block in enumerate(blocks, 1):
        command, *others = re.split(r"^_(?:Verify|Undo):_$", block, flags=re.MULTILINE)
        assert command.startswith(f"*{number}.* ")
        assert [part.count("```") for part in (command, *others)] == [2] * (1 + len(others)), block


def test_evidence_and_report_are_uploaded_once_and_can_be_replayed(broken: Conversation, tmp_path: Path) -> None:
    for word in ("bundle", "report", "bundle"):
        broken.menu(broken.parents[0], word)
    files = broken.slack.files()
    assert [Path(f.name).suffix for f in files] == [".gz", ".md"]
    assert "is already in the thread" in broken.last_answer()
    assert files[1].content is not None
    assert "gwpol" in files[1].content.decode()
    assert files[0].content is not None
    with tarfile.open(fileobj=io.BytesIO(files[0].content)) as packed:
        packed.extractall(tmp_path / "bundle", filter="data")
    roots = list((tmp_path / "bundle").rglob("bundle.yaml"))
    assert len(roots) == 1
    (tmp_path / "again").mkdir()
    config = write_config(tmp_path / "again", f"  - {{name: replay, bundle: '{roots[0].parent}'}}\n")
    diagnoser = Diagnoser(broken.client.stores, ClusterSources(load(config)))
    replayed = Conversation(broken.slack, broken.client, load(config), broken.courier, diagnoser)
    run = broken.client.get(Run, broken.client.stores.history.verdicts("prod-weu")["team-egress/egw"].run)
    assert run is not None
    order = replace(run.order, target=replace(run.order.target, cluster="replay"), key="replay")
    again = broken.client.start(order).run
    replayed.play()
    found = broken.client.get(Run, again.id)
    assert found is not None
    assert found.report is not None
    assert run.report is not None
    assert [f.identity for f in found.report.findings] == [f.identity for f in run.report.findings]


def test_a_file_whose_answer_was_lost_is_not_uploaded_twice(broken: Conversation) -> None:
    broken.slack.faults.lose_answers(1, "files.completeUploadExternal")
    broken.menu(broken.parents[0], "report")
    shown = [m for m in broken.slack.thread(broken.parents[0]) if m.files]
    assert len(shown) == 1


def test_the_owner_is_shown_in_the_parent(broken: Conversation) -> None:
    broken.press(broken.parents[0], "own", user="U0BOB")
    broken.press(broken.parents[0], "own", user="U0BOB")
    assert "Owner: <@U0BOB>" in broken.parents[0].shown
    broken.press(broken.parents[0], "own", user="U0CAROL")
    assert "Owner: <@U0CAROL>" in broken.parents[0].shown
    assert broken.client.stores.history.owners("prod-weu")["team-egress/egw"].user == "U0CAROL"


def test_a_reported_run_is_kept_with_its_comment(broken: Conversation) -> None:
    broken.menu(broken.parents[0], "wrong", user="U0BOB")
    view = broken.slack.view("U0BOB")
    assert view is not None
    assert broken.slack.submit_view(view, {"comment": "The pool exists since 02:50."}, user="U0BOB").ok
    broken.play()
    run_id = broken.client.stores.history.verdicts("prod-weu")["team-egress/egw"].run
    assert [(each.user, each.comment) for each in broken.client.stores.runs.remarks(run_id)] == [
        ("U0BOB", "The pool exists since 02:50.")
    ]
    assert "kept for a year" in broken.last_answer("U0BOB")


# commands in a thread


def test_thread_commands(broken: Conversation) -> None:
    parent = broken.parents[0]
    broken.say("@egress-diag why", thread=parent)
    assert "↳" in broken.slack.thread(parent)[-1].shown, "a public question has a public answer"
    broken.say("@egress-diag commands", thread=parent)
    assert "```" in broken.slack.thread(parent)[-1].shown
    assert not broken.slack.ephemerals()
    broken.say("@egress-diag again", thread=parent, user="U0BOB")
    assert [slot(m) for m in broken.slack.thread(parent) if slot(m) == "parent"] == ["parent"]
    broken.say("@egress-diag stop", thread=parent)
    assert "Nothing to stop" in broken.last_answer()
    broken.say("@egress-diag watch 20h", thread=parent)
    assert "12 hours" in broken.last_answer()
    broken.say("@egress-diag watch 10m", thread=parent)
    assert "watch" in slots(list(broken.slack.thread(parent)))
    broken.say("@egress-diag stop", thread=parent)
    assert "end" in slots(list(broken.slack.thread(parent)))


def test_a_mention_elsewhere_is_a_command(talk: Conversation) -> None:
    talk.say("@egress-diag weu egw")
    assert len(talk.parents) == 1
    other = talk.slack.say("Lunch?").message
    talk.say("@egress-diag why", thread=other)
    assert "does not belong to a run" in talk.last_answer()
    talk.say("@egress-diag")
    assert "finds out why" in talk.last_answer()


# watches


@pytest.mark.slow
def test_a_watch_reports_recovery_once_after_a_flapping_gateway_is_stable(
    slack: SandboxServer, redis_url: str, tmp_path: Path
) -> None:
    config = load(write_config(tmp_path))
    client = connect(WorkerSettings(REDIS_URL=redis_url, EGRESS_DIAG_WATCH_INTERVAL=0.3), config, retry=True)
    with conversation(slack, client, config) as talk:
        talk.slack.say("/egress-diag watch weu egw 10m")
        _until(talk, lambda: _watch(talk).checks == 1)
        for fixed in (True, False):
            _swap(tmp_path, fixed=fixed)
            checks = _watch(talk).checks
            _until(talk, partial(_checked_more_often, talk, checks))
        _swap(tmp_path, fixed=True)
        _until(talk, lambda: _watch(talk).state is WatchState.FIXED)
        talk.play()
        (card,) = talk.parents
        assert "Recovered" in card.shown, "the failed check has opened a card, and the watch belongs to it"
        shown = list(slack.thread(card))
        assert {"change/1", "change/2", "change/3", "end", "watch"} <= {slot(m) for m in shown}
        assert [slot(m) for m in slack.messages("C0OPS") if slot(m)] == ["parent"]
        end = next(m for m in shown if slot(m) == "end")
        assert "<@U0ALICE>" in end.shown
        assert "Recovered" in end.shown
        assert "broken" in next(m for m in shown if slot(m) == "change/1").shown
    client.close()


def test_a_watch_of_a_healthy_gateway_posts_nothing_in_the_channel(talk: Conversation) -> None:
    ack = talk.say("/egress-diag watch prod-neu team-egress/egw 10m")
    assert "is being watched" in str(ack.message)
    for _ in range(5):
        for watch in talk.client.stores.watches.active():
            talk.client.stores.redis.zadd("egress-diag:watches", {watch.id: 0})
        talk.play()
    assert _watch(talk).state is WatchState.FIXED
    assert not [m for m in talk.slack.messages() if slot(m)]
    ends = [m for m in talk.slack.ephemerals(user="U0ALICE") if "Healthy throughout the watch" in m.shown]
    assert len(ends) == 1


@pytest.mark.slow
def test_a_watch_without_a_card_opens_one_when_a_check_fails(
    slack: SandboxServer, redis_url: str, tmp_path: Path
) -> None:
    """It posted its changes in the channel, where no card showed the incident."""
    config = load(write_config(tmp_path))
    client = connect(WorkerSettings(REDIS_URL=redis_url, EGRESS_DIAG_WATCH_INTERVAL=0.3), config, retry=True)
    with conversation(slack, client, config) as talk:
        _swap(tmp_path, fixed=True)
        talk.slack.say("/egress-diag watch weu egw 10m")
        _until(talk, lambda: _watch(talk).checks == 1)
        assert not talk.parents, "a check that passes posts nothing in the channel"
        _swap(tmp_path, fixed=False)
        _until(talk, lambda: bool(_watch(talk).card))
        checks = _watch(talk).checks
        _until(talk, partial(_checked_more_often, talk, checks))
        talk.step()
        (card,) = talk.parents
        assert "*Broken:*" in card.shown
        assert "👀 Watched for <@U0ALICE>" in card.shown
        assert {"watch", "change/1"} <= {slot(m) for m in slack.thread(card)}
        assert "is already being watched" in str(talk.slack.say("/egress-diag watch weu egw").message)
        talk.slack.say("/egress-diag weu egw", user="U0BOB")
        _until(talk, lambda: any("<@U0BOB>" in m.shown for m in slack.thread(card)))
        assert len(talk.parents) == 1, "a command is answered in the thread of that card"
        _swap(tmp_path, fixed=True)
        _until(talk, lambda: _watch(talk).state is WatchState.FIXED)
        talk.play()
        latest = slack.latest(card)
        assert latest is not None
        assert "Recovered" in latest.shown
    client.close()


def test_an_expired_watch_ends_with_the_last_state(broken: Conversation) -> None:
    parent = broken.parents[0]
    broken.press(parent, "watch")
    assert "watch" not in broken.parents[0].buttons
    assert "is already being watched" in str(broken.say("/egress-diag watch weu egw").message)
    watch = broken.client.stores.watches.active()[0]
    _expire(broken, watch.id)
    broken.play()
    end = next(m for m in broken.slack.thread(parent) if slot(m) == "end")
    assert "Watch ended" in end.shown
    assert "broken" in end.shown
    assert not broken.client.stores.watches.active()
    assert sum(slot(m) == "end" for m in broken.slack.thread(parent)) == 1


def test_a_watch_is_stopped_by_its_button(broken: Conversation) -> None:
    parent = broken.parents[0]
    broken.press(parent, "watch")
    line = next(m for m in broken.slack.thread(parent) if slot(m) == "watch")
    broken.press(line, "unwatch", user="U0BOB")
    assert "<@U0BOB> stopped the watch" in next(m for m in broken.slack.thread(parent) if slot(m) == "end").shown


# the form


def test_the_form_opens_at_once(talk: Conversation) -> None:
    assert talk.slack.say("/egress-diag").ok
    form_with(talk.slack, "gateway/")
    opened = talk.slack.calls("views.open")[0]
    assert "Loading" in str(opened.args)
    talk.client.stores.history.keep_inventory("prod-neu", (("team-egress/egw", True), ("shop/egress-shop", True)))
    view = talk.slack.view()
    assert view is not None
    talk.slack.press(view, "cluster", option="prod-neu")
    view = form_with(talk.slack, "gateway/prod-neu")
    offered = [option["value"] for option in talk.slack.type_ahead(view, "gateway", "shop")]
    assert offered == ["shop/egress-shop", "shop"]
    assert [o["value"] for o in talk.slack.type_ahead(view, "gateway", "team")] == ["team-egress/egw", "team"]
    ack = talk.slack.submit_view(view, {"gateway": "team-egress/egw", "host": "not a host"})
    assert "host" in ack.errors
    assert talk.slack.submit_view(view, {"gateway": "team-egress/egw", "host": "api.bank.example:443"}).ok
    talk.play()
    assert talk.slack.view() is None
    assert "api.bank.example:443" in talk.parents[0].shown


def test_the_form_starts_with_the_last_choice_of_the_channel(broken: Conversation) -> None:
    assert broken.slack.say("/egress-diag", user="U0BOB").ok
    view = form_with(broken.slack, "gateway/", user="U0BOB")
    assert "gateway/prod-weu" in str(view.blocks)
    assert "'value': 'egw'" in str(view.blocks)


def test_the_form_never_shows_the_host_that_another_person_typed(talk: Conversation) -> None:
    talk.say("/egress-diag prod-neu egw --host secret.bank.example --from team-a/web")
    for user, sees in (("U0BOB", False), ("U0ALICE", True)):
        assert talk.slack.say("/egress-diag", user=user).ok
        view = form_with(talk.slack, "gateway/", user=user)
        assert "gateway/prod-neu" in str(view.blocks), "the gateway is that of the channel"
        assert ("secret.bank.example" in str(view.blocks)) == sees
        assert ("'initial_value': 'team-a/web'" in str(view.blocks)) == sees


@pytest.mark.parametrize(
    ("typed", "said", "button"),
    [
        ("nosuch/app", "Client namespace nosuch does not exist", None),
        ("teama/web", "did you mean team-a", "prod-neu egw --from team-a/web --host edition.cnn.com"),
        ("team-a/wbe", "did you mean team-a/web?", "prod-neu egw --from team-a/web --host edition.cnn.com"),
    ],
)
def test_a_client_that_does_not_exist_is_a_private_mistake(
    talk: Conversation, typed: str, said: str, button: str | None
) -> None:
    """It was "Inconclusive" for everyone in the channel."""
    talk.say(f"/egress-diag prod-neu egw --host edition.cnn.com --from {typed}")
    assert not talk.parents
    answer = talk.slack.ephemerals(user="U0ALICE")[-1]
    assert said in answer.shown.replace("\u2060", "")
    if button is not None:
        assert button in [element["value"] for element in answer.blocks[-1]["elements"]]
        talk.press(answer, "suggestion/0")
        assert len(talk.parents) == 1


def test_the_form_reports_missing_permission(slack: SandboxServer, client: Client, tmp_path: Path) -> None:
    rule = "  - {allow: [diagnose], users: ['U0BOB'], channels: ['C0PAY']}\n"
    config = load(write_config(tmp_path, access=rule))
    with conversation(slack, client, config) as talk:
        talk.slack.say("/egress-diag")
        view = form_with(talk.slack, "permission to check any cluster")
        assert "#platform-team" in view.shown


@pytest.mark.slow
def test_a_late_form_is_answered_with_the_command_to_type(talk: Conversation) -> None:
    talk.slack.faults.latency(3.2, "views.open")
    talk.slack.say("/egress-diag")
    talk.slack.wait_until(lambda: "The form did not open in time" in talk.last_answer())


# access


RULES = """\
  - {allow: [diagnose], users: [S0ONCALL], clusters: ['prod-*'], channels: ['C0OPS']}
  - {allow: [diagnose], users: [U0BOB], clusters: ['prod-neu'], channels: ['C0OPS'], gateways: ['egw']}
"""


@pytest.fixture
def guarded(slack: SandboxServer, client: Client, tmp_path: Path) -> Iterator[Conversation]:
    with conversation(slack, client, load(write_config(tmp_path, access=RULES))) as found:
        yield found


def test_rules_by_group_user_cluster_gateway_and_channel(guarded: Conversation) -> None:
    guarded.say("/egress-diag weu egw", user="U0ALICE")
    assert len(guarded.parents) == 1
    for text, user, channel, said in (
        ("weu egw", "U0BOB", "C0OPS", 'No cluster "weu"'),
        ("prod-neu other", "U0BOB", "C0OPS", "⛔"),
        ("prod-neu egw", "U0CAROL", "C0OPS", 'No cluster "prod-neu"'),
        ("weu egw", "U0ALICE", "C0PAY", 'No cluster "weu"'),
    ):
        ack = guarded.say(f"/egress-diag {text}", user=user, channel=channel)
        assert ack.message is not None, (text, user)
        assert said in ack.message.shown.replace("\u2060", "")
    assert len(guarded.parents) == 1
    guarded.say("/egress-diag prod-neu egw", user="U0BOB")
    assert len(guarded.parents) == 2


@pytest.mark.parametrize(
    "command",
    [
        *("{} egw", "{} team-egress/egw --host api.bank.example", "list {}", "watch {} egw", "history {} egw"),
        *("probe {} egw", "restart {} egw", "mute {} egw EG407 2d because", "unmute {} egw EG407", "egw {}", "{}"),
    ],
)
def test_a_hidden_cluster_and_one_that_does_not_exist_have_the_same_answer(guarded: Conversation, command: str) -> None:
    for hidden, user, channel in (
        ("prod-weu", "U0BOB", "C0OPS"),
        ("weu", "U0BOB", "C0OPS"),
        ("prod-weu", "U0ALICE", "C0PAY"),
    ):
        absent = hidden.replace("weu", "wxu")
        said = []
        for name in (hidden, absent):
            ack = guarded.say(f"/egress-diag {command.format(name)}", user=user, channel=channel)
            shown = ack.message.shown if ack.message is not None else guarded.last_answer(user)
            said.append(shown.replace(name, "NAME"))
        assert said[0] == said[1], (hidden, user)
    assert not guarded.parents


@pytest.mark.parametrize("command", ["handoff", "digest add", "digest now"])
def test_a_refusal_about_all_clusters_names_none(guarded: Conversation, command: str) -> None:
    ack = guarded.say(f"/egress-diag {command}", user="U0BOB")
    shown = ack.message.shown if ack.message is not None else guarded.last_answer("U0BOB")
    assert "⛔" in shown
    assert "any cluster" in shown
    assert "prod-" not in shown


def test_permission_is_checked_at_the_press(guarded: Conversation) -> None:
    guarded.say("/egress-diag weu egw", user="U0ALICE")
    parent = guarded.parents[0]
    for action in ("check_again", "watch", "own"):
        guarded.press(parent, action, user="U0CAROL")
        assert "⛔" in guarded.last_answer("U0CAROL")
        assert "#platform-team" in guarded.last_answer("U0CAROL")
    for word in ("why", "commands", "bundle", "report", "wrong"):
        guarded.menu(parent, word, user="U0CAROL")
        assert "⛔" in guarded.last_answer("U0CAROL")
    assert guarded.slack.view("U0CAROL") is None
    assert not guarded.slack.files()
    assert "Owner:" not in guarded.parents[0].shown


def test_commands_presses_and_refusals_are_in_the_audit_log(guarded: Conversation) -> None:
    guarded.say("/egress-diag weu egw", user="U0ALICE")
    guarded.press(guarded.parents[0], "own", user="U0CAROL")
    guarded.say("/egress-diag prod-wue egw", user="U0BOB")
    entries = [(e["user"], e["what"], e["about"], e["outcome"]) for e in reversed(guarded.client.stores.audit.last())]
    run = guarded.client.stores.history.verdicts("prod-weu")["team-egress/egw"].run
    assert entries == [
        ("U0ALICE", "command", "weu egw", "done"),
        ("U0CAROL", "press own", run, "refused"),
        ("U0BOB", "command", "prod-wue egw", "mistake"),
    ]


def test_an_unreadable_group_grants_nothing(guarded: Conversation) -> None:
    guarded.slack.faults.take_scope("usergroups:read")
    ack = guarded.say("/egress-diag weu egw", user="U0ALICE")
    assert ack.message is not None
    assert 'No cluster "weu"' in ack.message.shown, "a cluster that nothing permits is not confirmed"
    assert not guarded.parents


def test_a_slow_group_lookup_does_not_exceed_slacks_deadline(guarded: Conversation) -> None:
    guarded.slack.faults.latency(2.4, "usergroups.users.list")
    ack = guarded.say("/egress-diag weu egw", user="U0ALICE")
    assert ack.ok
    assert ack.seconds < 3
    guarded.slack.wait_until(lambda: "No cluster" in guarded.last_answer() or guarded.parents)


# outdated buttons


def test_buttons_of_unknown_runs_or_with_forged_values_are_answered(broken: Conversation) -> None:
    parent = broken.parents[0]
    for value in ("000000000000", "", "../../etc", "a" * 2000, "*", "run:1", "🔥"):
        for action in ("check_again", "watch", "own"):
            assert broken.slack.press(parent, action, value=value or " ").ok
        broken.play()
        assert "has expired" in broken.last_answer(), value
    assert len(broken.parents) == 1
    folded = next(m for m in broken.slack.thread(parent) if any(b.startswith("unfold") for b in m.buttons))
    unfold = next(b for b in folded.buttons if b.startswith("unfold"))
    run = broken.client.stores.history.verdicts("prod-weu")["team-egress/egw"].run
    for finding in ("nothing", "", "../x"):
        broken.slack.press(folded, unfold, value=FindingValue(run=run, finding=finding).encode())
        broken.play()
        assert "has expired" in broken.last_answer()


def test_buttons_and_menus_of_an_earlier_version_say_so(broken: Conversation, caplog: pytest.LogCaptureFixture) -> None:
    parent = broken.parents[0]
    unfold = next(m for m in broken.slack.thread(parent) if any(b.startswith("unfold") for b in m.buttons))
    run = broken.client.stores.history.verdicts("prod-weu")["team-egress/egw"].run
    answered = 0
    for value in (f"{run}/gateway-pool-missing", run, "", '{"run": "x"}', "[]"):
        name = next(b for b in unfold.buttons if b.startswith("unfold"))
        assert broken.slack.press(unfold, name, value=value or " ").ok
        broken.play()
        answered += 1
        assert broken.last_answer().startswith("This button was made by an earlier version"), value
    payload = _menu_press(broken)
    for value in (f"why/{run}", f"report/{run}", "wrong/", f"{run}"):
        payload["actions"][0]["selected_option"]["value"] = value
        payload["actions"][0]["action_ts"] = f"1.{answered}"
        assert _send(broken, payload).status == 200
        broken.play()
        answered += 1
        assert broken.last_answer().startswith("This button was made by an earlier version"), value
    assert len([m for m in broken.slack.ephemerals() if "earlier version" in m.shown]) == answered
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    ("callback", "metadata"),
    [
        ("wrong", "4f5a6b7c8d9e/C0OPS"),
        ("diagnose", '{"channel":"C0OPS"}'),
        ("handoff", '{"channel":"C0OPS"}'),
        ("digest", ""),
    ],
)
def test_a_form_that_an_earlier_version_opened_says_so(
    broken: Conversation, callback: str, metadata: str, caplog: pytest.LogCaptureFixture
) -> None:
    pressed = _menu_press(broken)
    view = {"id": "V0OLD", "type": "modal", "callback_id": callback, "private_metadata": metadata, "hash": "h"}
    payload = {"type": "view_submission", "user": pressed["user"], "team": pressed["team"], "view": view}
    answer = _send(broken, payload).json()
    assert answer["response_action"] == "update"
    assert not problems_of_view(answer["view"])
    assert "opened by an earlier version of the bot, and nothing was done" in orjson.dumps(answer["view"]).decode()
    assert not [record for record in caplog.records if record.exc_info]


def _menu_press(talk: Conversation) -> dict[str, Any]:
    talk.menu(talk.parents[0], "commands")
    return dict(talk.slack.deliveries("interactive")[-1].payload)


def _send(talk: Conversation, payload: dict[str, Any]) -> urllib3.BaseHTTPResponse:
    body, kind = http_body("interactive", payload)
    headers = {"Content-Type": kind, **signed_headers(body, talk.slack.app.signing_secret, int(time.time()))}
    return urllib3.PoolManager().request("POST", talk.slack.request_url or "", body=body, headers=headers)


def test_a_redelivered_press_does_nothing(broken: Conversation) -> None:
    broken.menu(broken.parents[0], "why")
    count = len(broken.slack.ephemerals())
    body, kind = http_body("interactive", broken.slack.deliveries("interactive")[-1].payload)
    for number in (1, 2, 3):
        headers = {
            "Content-Type": kind,
            "X-Slack-Retry-Num": str(number),
            **signed_headers(body, broken.slack.app.signing_secret, int(time.time())),
        }
        with urllib3.PoolManager() as http:
            assert http.request("POST", broken.slack.request_url or "", body=body, headers=headers).status == 200
    broken.play()
    assert len(broken.slack.ephemerals()) == count


# the App Home


@pytest.mark.parametrize("with_tables", [True, False])
def test_each_check_is_shown_to_the_person_who_presses(talk: Conversation, with_tables: bool) -> None:
    """On a phone, the table of 67 checks was most of a healthy thread."""
    if not with_tables:
        talk.slack.faults.refuse_blocks("table")
    talk.say("/egress-diag prod-neu egw")
    steps = next(m for m in talk.slack.thread(talk.parents[0]) if slot(m) == "steps")
    assert len(steps.shown) < 1000
    assert "✅ *Prerequisites:* " in steps.shown
    assert "14 checks do not apply: EG" in steps.shown
    count = len(talk.slack.thread(talk.parents[0]))
    talk.press(steps, "checks", user="U0BOB")
    (private,) = talk.slack.ephemerals(user="U0BOB")
    assert ("table" in [block["type"] for block in private.blocks]) == with_tables
    assert "Node pool gwpool exists and is in Gateway mode." in private.shown
    assert sum(f"EG{number}" in private.shown for number in range(100, 600)) == 67
    assert len(talk.slack.thread(talk.parents[0])) == count


def test_the_app_home_shows_the_current_state(broken: Conversation) -> None:
    broken.press(broken.parents[0], "own", user="U0BOB")
    broken.press(broken.parents[0], "watch")
    assert broken.slack.open_home().ok
    view = broken.slack.wait_until(broken.slack.home)
    assert not problems_of_view(view.body)
    shown = view.shown
    assert "No run is active" in shown
    assert "🙋 owner <@U0BOB>" in shown
    assert "👀 `team-egress/egw` on `prod-weu`" in shown
    assert "❌ no worker" in shown
    assert "diagnose: clusters `*`" in shown


def test_the_app_home_without_permission_shows_no_cluster(guarded: Conversation) -> None:
    guarded.say("/egress-diag weu egw", user="U0ALICE")
    assert guarded.slack.open_home(user="U0CAROL").ok
    view = guarded.slack.wait_until(lambda: guarded.slack.home("U0CAROL"))
    assert "prod-weu" not in view.shown
    assert "No access rule applies" in view.shown


# history


def test_history_shows_the_changes_between_runs(broken: Conversation, tmp_path: Path) -> None:
    _fix(broken, tmp_path)
    broken.say("/egress-diag weu egw")
    ack = broken.say("/egress-diag history weu egw")
    assert ack.message is not None
    assert "Last 2 runs" in ack.message.shown
    assert "resolved EG" in ack.message.shown
    ack = broken.say("/egress-diag history weu nothing-here")
    assert ack.message is not None
    assert "no runs in the history" in ack.message.shown


def test_an_ambiguous_gateway_name_offers_all_matches(broken: Conversation) -> None:
    broken.client.stores.history.keep_inventory("prod-weu", (("a/egress", True), ("b/egress", True)))
    ack = broken.say("/egress-diag weu egress")
    assert ack.message is not None
    assert ack.message.buttons == ("suggestion/0", "suggestion/1")


def test_only_permitted_clusters_are_listed(guarded: Conversation) -> None:
    ack = guarded.say("/egress-diag list", user="U0BOB")
    assert ack.message is not None
    assert "prod-neu" in ack.message.shown
    assert "prod-weu" not in ack.message.shown


# helpers


def form_with(slack: SandboxServer, text: str, user: str = "U0ALICE") -> View:
    """The open form of this person, once it contains the text."""

    def found() -> View | None:
        view = slack.view(user)
        return view if view is not None and text in str(view.blocks) else None

    return slack.wait_until(found)


def _fix(talk: Conversation, folder: Path) -> None:
    """Fix the cluster: the configuration refers to a healthy bundle from now on."""
    write_bundle(named("base"), folder / "fixed")
    clusters = tuple(
        c.model_copy(update={"bundle": folder / "fixed"}) if c.name == "prod-weu" else c
        for c in talk.diagnoser.clusters.config.clusters
    )
    talk.diagnoser.clusters.config = talk.diagnoser.clusters.config.model_copy(update={"clusters": clusters})


def _swap(folder: Path, *, fixed: bool) -> None:
    """Replace the cluster's bundle in place, as a recorder would."""
    fresh = folder / "fresh"
    write_bundle(named("base") if fixed else broken_cluster(), fresh)
    (folder / "broken").rename(folder / f"old-{len(list(folder.iterdir()))}")
    fresh.rename(folder / "broken")


def _watch(talk: Conversation) -> Watch:
    ids = [
        str(key).split(":")[-1]
        for key in talk.client.stores.redis.keys("egress-diag:watch:*")
        if "lease" not in str(key)
    ]
    assert len(ids) == 1
    found = talk.client.stores.watches.get(ids[0])
    assert found is not None
    return found


def _checked_more_often(talk: Conversation, checks: int) -> bool:
    return _watch(talk).checks > checks


def _until(talk: Conversation, condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < until, "the condition is not met within 90 s"
        talk.step()
        time.sleep(0.02)


def _expire(talk: Conversation, watch_id: str) -> None:
    """Let the watch expire now."""
    key = f"egress-diag:watch:{watch_id}"
    record = orjson.loads(talk.client.stores.redis.get(key) or b"")
    talk.client.stores.redis.set(key, orjson.dumps({**record, "until": record["began"]}))
    talk.client.stores.redis.zadd("egress-diag:watches", {watch_id: 0})
