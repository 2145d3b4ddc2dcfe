"""Active steps from the thread, over an API server that accepts changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.courier.courier import Courier
from bot.sandbox import SandboxServer
from checks.actions.plan import PLAN_EXPIRES
from checks.model.findings import Verdict
from tests.bot.step_stories import READY, StepConversation, state_of, step_conversation
from tests.loopback.active import ActiveKubeServer
from workers.fleet.handoff_work import WorkReader
from workers.records.action import ACTION_RECORD, ActionState
from workers.records.delivered import Delivered, PostAttempt

pytestmark = pytest.mark.slow

Made = tuple[StepConversation, ActiveKubeServer]


@pytest.fixture
def made(slack: SandboxServer, redis_url: str, tmp_path: Path) -> Iterator[Made]:
    with step_conversation(slack, redis_url, tmp_path) as found:
        yield found


def diagnose(talk: StepConversation) -> None:
    assert talk.say("/egress-diag prod-weu team-egress/egw").ok


def verdict(talk: StepConversation) -> Verdict:
    """The verdict of the newest run."""
    (gateway,) = talk.client.installation(["prod-weu"]).verdicts
    return gateway.verdict


def shown(talk: StepConversation, number: int = 0) -> str:
    """The message of a step, as it is now."""
    message = talk.steps[number]
    return (talk.slack.latest(message) or message).shown.replace("\u2060", "")


def test_a_probe_and_a_restart_from_the_thread_change_the_verdict(made: Made) -> None:
    """One thread: diagnosed, probed, found broken, restarted, no longer broken."""
    talk, cluster = made
    diagnose(talk)
    before = verdict(talk)
    assert before is not Verdict.BROKEN
    talk.say("@egress-diag probe gateway", thread=talk.parents[0])
    (step,) = state_of(talk)
    assert step.state is ActionState.PLANNED
    talk.press(talk.steps[0], "confirm_step")
    assert cluster.changes == {}, "nothing is changed before the confirmation"
    form = talk.slack.views()[-1].shown
    assert step.plan is not None
    assert all(word in form for word in (step.plan.object, step.plan.image, step.plan.urls[0].rpartition("/")[0][-10:]))
    assert talk.submit().ok
    assert cluster.changes == {"PATCH Pod": 1}
    assert "leaves as 52.1.2.3" in shown(talk)
    assert verdict(talk) is Verdict.BROKEN
    assert "❌" in (talk.slack.latest(talk.parents[0]) or talk.parents[0]).shown
    talk.press(talk.find("step/restart"), "step/restart-egw-asm-1-30")
    talk.press(talk.steps[1], "confirm_step")
    assert talk.submit().ok
    assert cluster.changes == {"PATCH Pod": 1, "PATCH Deployment": 1}
    assert "As expected" in shown(talk, 1)
    assert verdict(talk) is before
    thread = talk.parents[0].ts
    assert [m.thread_ts for m in talk.steps] == [thread, thread]
    # A worker may record its outcome before the listener records the press.
    outcomes = Counter((each["what"], each["outcome"]) for each in talk.client.stores.audit.last(20))
    assert outcomes == {
        ("command", "done"): 1,
        ("mention", "done"): 1,
        ("press step", "done"): 1,
        ("press confirm_step", "done"): 2,
        ("form step", "done"): 2,
        ("action probe-gateway", "planned"): 1,
        ("action probe-gateway", "not-as-expected"): 1,
        ("action restart", "planned"): 1,
        ("action restart", "as-expected"): 1,
    }


def test_the_button_probe_creates_a_pod_and_deletes_it(made: Made) -> None:
    talk, cluster = made
    diagnose(talk)
    talk.press(talk.find("step/probe-pod"), "step/probe-pod")
    talk.press(talk.steps[0], "confirm_step")
    assert talk.submit().ok
    assert cluster.changes == {"POST Job": 1, "DELETE Job": 1}
    (ended,) = state_of(talk)
    assert (ended.state, ended.cleaned) == (ActionState.DONE, True)
    assert "leaves as 52.1.2.3" in shown(talk)
    assert "Probe again" in talk.find("step/probe-pod").shown


def test_a_person_without_the_permission_can_neither_request_nor_confirm_nor_cancel(made: Made) -> None:
    talk, cluster = made
    diagnose(talk)
    button = talk.find("step/probe-pod")
    talk.press(button, "step/probe-pod", user="U0CAROL")
    assert "permission to probe gateways" in talk.last_answer("U0CAROL")
    assert talk.steps == []
    talk.press(button, "step/probe-pod")
    for action in ("confirm_step", "cancel_step"):
        talk.press(talk.steps[0], action, user="U0CAROL")
        assert "permission to probe gateways" in talk.last_answer("U0CAROL")
    assert talk.slack.views("U0CAROL") == ()
    assert state_of(talk)[0].state is ActionState.PLANNED
    assert cluster.changes == {}


def test_a_form_that_was_opened_too_early_refuses_with_the_reason(made: Made) -> None:
    talk, cluster = made
    diagnose(talk)
    talk.press(talk.find("step/probe-pod"), "step/probe-pod")
    talk.press(talk.steps[0], "confirm_step")
    (action,) = state_of(talk)
    assert action.plan is not None
    (key,) = talk.client.stores.redis.keys(f"*:action:{action.id}") or talk.client.stores.redis.keys(
        f"*action:{action.id}"
    )
    old = ACTION_RECORD.dump_python(action, mode="json")
    old["plan"]["created"] = (action.plan.created - PLAN_EXPIRES * 1.1).isoformat()
    talk.client.stores.redis.set(key, ACTION_RECORD.dump_json(ACTION_RECORD.validate_python(old)))
    assert talk.submit().ok
    assert "older than 10 minutes" in talk.slack.views()[-1].shown
    assert cluster.changes == {}
    refused = talk.client.stores.audit.last(1)[0]
    assert (refused["what"], refused["outcome"]) == ("form step", "refused")


def test_a_cluster_that_changed_after_the_plan_refuses_in_the_thread(made: Made) -> None:
    talk, cluster = made
    diagnose(talk)
    talk.press(talk.find("step/probe-pod"), "step/probe-pod")
    configuration = cluster.find(
        "egressgateway.kubernetes.azure.com", "staticgatewayconfigurations", "team-egress", "sgc"
    )
    if configuration is None:
        configuration = next(
            each
            for each in cluster.cluster.objects
            if each["kind"] == "StaticGatewayConfiguration" and each["metadata"]["name"] == "sgc"
        )
    configuration["metadata"]["generation"] = 99
    talk.press(talk.steps[0], "confirm_step")
    assert talk.submit().ok
    (ended,) = state_of(talk)
    assert ended.state is ActionState.REFUSED
    assert cluster.changes == {}
    assert "Refused" in shown(talk)
    assert ended.problem
    assert ended.problem in shown(talk)


def test_a_refused_or_failed_step_is_among_what_was_tried_and_a_later_one_takes_its_place(made: Made) -> None:
    """The next person in a handoff would have requested the same step again."""
    talk, _ = made
    diagnose(talk)
    talk.say("@egress-diag probe gateway", thread=talk.parents[0])
    talk.press(talk.steps[0], "confirm_step")
    assert talk.submit().ok
    assert verdict(talk) is Verdict.BROKEN
    probed = ("Probe from a gateway pod", "seen")
    stores = talk.client.stores
    for _ in range(2):
        talk.press(talk.find("step/probe-pod"), "step/probe-pod")
        planned = stores.actions.active()[-1]
        failed = stores.actions.fail(planned.id, "No worker was free.")
        assert failed is not None
        stores.action_changed(failed)
        talk.play()
    assert shown_card(talk).count("❔ Probe from a pod outside the mesh: not completed: No worker was free · ") == 1
    assert tried(talk) == [probed, ("Probe from a pod outside the mesh", "not-completed")]
    talk.press(talk.find("step/probe-pod"), "step/probe-pod")
    talk.press(talk.steps[-1], "confirm_step")
    assert talk.submit().ok
    assert tried(talk) == [probed, ("Probe from a pod outside the mesh", "seen")]
    talk.press(talk.find("step/probe-pod"), "step/probe-pod")
    stores.actions.fail(stores.actions.active()[-1].id, "No worker was free.")
    assert tried(talk)[1:] == [("Probe from a pod outside the mesh", each) for each in ("seen", "not-completed")]


def tried(talk: StepConversation) -> list[tuple[str, str]]:
    """The steps that a handoff lists as tried, with their results."""
    stores = talk.client.stores
    reader = WorkReader(stores.cards.find, stores.history.past_runs, stores.runs.get)
    work = reader.work("prod-weu", "team-egress/egw", "C0OPS", datetime(2026, 1, 1, tzinfo=UTC))
    return [(each.step.title, each.result.value) for each in work.tried]


def shown_card(talk: StepConversation) -> str:
    return (talk.slack.latest(talk.parents[0]) or talk.parents[0]).shown.replace("\u2060", "")


def test_a_second_person_must_confirm_where_the_configuration_says_so(
    slack: SandboxServer, redis_url: str, tmp_path: Path
) -> None:
    with step_conversation(slack, redis_url, tmp_path, approvals=2) as (talk, cluster):
        diagnose(talk)
        talk.press(talk.find("step/probe-pod"), "step/probe-pod")
        for _ in range(2):
            talk.press(talk.steps[0], "confirm_step")
            assert talk.submit().ok
        assert "another person" in talk.slack.views()[-1].shown
        assert cluster.changes == {}
        assert "Waits for another person" in shown(talk)
        talk.press(talk.steps[0], "confirm_step", user="U0BOB")
        assert talk.submit(user="U0BOB").ok
        assert cluster.changes == {"POST Job": 1, "DELETE Job": 1}
        ended = state_of(talk)[0]
        assert [each.user for each in ended.approvals] == ["U0ALICE", "U0BOB"]
        assert "Confirmed by <@U0BOB>" in shown(talk)


def test_the_restart_of_the_last_ready_pod_needs_the_name_of_the_deployment(
    slack: SandboxServer, redis_url: str, tmp_path: Path
) -> None:
    last = {**READY, "status": {"replicas": 2, "readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1}}
    with step_conversation(slack, redis_url, tmp_path, last) as (talk, cluster):
        assert talk.say("/egress-diag restart prod-weu team-egress/egw").ok
        talk.press(talk.steps[0], "confirm_step")
        refused = talk.submit({"name": "egw"})
        assert "egw-asm-1-30" in refused.errors["name"]
        assert cluster.changes == {}
        assert talk.submit({"name": "egw-asm-1-30"}).ok
        assert cluster.changes == {"PATCH Deployment": 1}
        assert state_of(talk)[0].state is ActionState.DONE


def test_a_step_has_one_message_whatever_happens_to_its_courier(made: Made) -> None:
    """An answer of Slack is lost; then a courier dies between the post and its record."""
    talk, _ = made
    diagnose(talk)
    talk.slack.faults.lose_answers(1, "chat.postMessage")
    talk.press(talk.find("step/probe-pod"), "step/probe-pod")
    (step,) = state_of(talk)
    documents, document = talk.client.stores.documents, f"action/{step.id}"

    def found_again() -> bool:
        talk.play()
        return isinstance(documents.deliveries(document).slots["parent"], Delivered)

    talk.slack.wait_until(found_again)
    assert len(talk.steps) == 1
    posted = documents.deliveries(document).slots["parent"]
    assert isinstance(posted, Delivered)
    documents.note_delivered(document, PostAttempt("parent", posted.channel, float(posted.ts) - 60))
    documents.changed(document)
    talk.courier = Courier(talk.client, talk.courier.slack)
    talk.play()
    talk.press(talk.steps[0], "confirm_step")
    assert talk.submit().ok
    assert len(talk.steps) == 1
    assert "leaves as 52.1.2.3" in shown(talk)


def test_the_end_of_a_step_in_an_archived_channel_is_sent_to_its_requester(made: Made) -> None:
    talk, _ = made
    diagnose(talk)
    talk.press(talk.find("step/probe-pod"), "step/probe-pod")
    talk.press(talk.steps[0], "confirm_step")
    talk.slack.faults.archive("C0OPS")
    assert talk.submit().ok
    direct = [m.shown for m in talk.slack.workspace.all_messages() if m.channel.startswith("D")]
    (told,) = [
        each for each in direct if "leaves as 52.1.2.3" in each and "step" in each and "Probe from a pod" in each
    ]
    assert "cannot post in <#C0OPS>" in told


def test_a_cancelled_step_changes_nothing_and_cannot_be_confirmed(made: Made) -> None:
    talk, cluster = made
    diagnose(talk)
    talk.press(talk.find("step/probe-pod"), "step/probe-pod")
    talk.press(talk.steps[0], "confirm_step")
    talk.press(talk.steps[0], "cancel_step", user="U0BOB")
    assert talk.submit().ok
    assert "cancelled" in talk.slack.views()[-1].shown
    assert "Cancelled by <@U0BOB>" in shown(talk)
    assert cluster.changes == {}


def test_a_step_that_is_already_requested_is_not_requested_again(made: Made) -> None:
    talk, _ = made
    diagnose(talk)
    button = talk.find("step/probe-pod")
    talk.press(button, "step/probe-pod")
    talk.press(button, "step/probe-pod", user="U0BOB")
    assert "already requested" in talk.last_answer("U0BOB")
    assert len(talk.steps) == 1


def test_the_words_of_a_thread_and_the_slash_command_request_the_same_plans(made: Made) -> None:
    talk, cluster = made
    diagnose(talk)
    parent = talk.parents[0]
    assert talk.say("@egress-diag probe gateway", thread=parent).ok
    assert talk.say("@egress-diag restart", thread=parent).ok
    assert talk.say("/egress-diag probe prod-weu team-egress/egw").ok
    found = {(each.order.kind.value, each.order.thread) for each in state_of(talk)}
    assert found == {("probe-gateway", parent.ts), ("restart", parent.ts), ("probe-pod", None)}
    assert cluster.changes == {}


def test_steps_that_are_off_are_neither_offered_nor_requested(
    slack: SandboxServer, redis_url: str, tmp_path: Path
) -> None:
    with step_conversation(slack, redis_url, tmp_path, namespaces=["payments"]) as (talk, _):
        diagnose(talk)
        with pytest.raises(AssertionError, match="no button"):
            talk.find("step/")
        assert talk.say("@egress-diag probe", thread=talk.parents[0]).ok
        assert "Active steps are off in namespace" in talk.last_answer()
        assert talk.steps == []


def test_a_refusal_names_gateways_that_a_rule_for_a_group_permits(
    slack: SandboxServer, redis_url: str, tmp_path: Path
) -> None:
    """Before, steps had no groups, so the answer named no similar gateway."""
    rules = ({"allow": ["diagnose", "probe"], "users": ["S0ONCALL"]}, {"allow": ["probe"], "users": ["*"]})
    with step_conversation(slack, redis_url, tmp_path, rules=rules) as (talk, _):
        for user in ("U0ALICE", "U0BOB"):
            assert talk.say("/egress-diag probe prod-weu team-egress/egww", user=user).ok
        assert "team-egress/egw?" in talk.last_answer("U0ALICE")
        assert "egww" in talk.last_answer("U0BOB")
        assert "team-egress/egw?" not in talk.last_answer("U0BOB")


def test_an_unknown_gateway_is_answered_to_its_requester_alone(made: Made) -> None:
    talk, cluster = made
    for text in ("probe prod-weu team-egress/egww", "probe prod-weu egww --from gateway", "restart prod-weu egww"):
        assert talk.say(f"/egress-diag {text}").ok
        answer = talk.slack.ephemerals(user="U0ALICE")[-1]
        assert "did you mean team-egress/egw?" in answer.shown.replace("\u2060", "")
        assert answer.buttons, "the nearest names are buttons"
    assert not talk.slack.messages("C0OPS"), "nothing stays in the channel"
    assert cluster.changes == {}
