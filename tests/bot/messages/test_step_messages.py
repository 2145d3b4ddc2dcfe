"""Messages and forms of active steps."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.messages.step_forms import step_form
from bot.messages.step_messages import step_message, step_not_posted
from bot.sandbox.model.block_rules import problems_of_message, problems_of_view
from bot.sandbox.model.texts import texts_of
from checks.actions.plan import ActionKind, PlanRefusal, RefusalKind
from checks.actions.results import ActionOutcome
from tests.bot.messages.test_hostile_text import CONTROL, FORBIDDEN
from tests.bot.messages.test_messages import HERE, compare
from tests.bot.step_stories import BY_ALICE, BY_BOTH, last_ready_pod, probed, step
from tests.checks.actions.test_planning import NOW
from workers.records.action import ActionRecord, ActionState

POD, GATEWAY, RESTART = ActionKind.PROBE_POD, ActionKind.PROBE_GATEWAY, ActionKind.RESTART
WRONG = "Traffic from pod team-egress/p leaves as 52.1.2.3, which is not in the egress IP prefix 20.50.60.0/30."
STAYS = "The ended ephemeral container egress-diag-probe-0a1b2c3d4e5f stays until the pod restarts."

STEPS: dict[str, Callable[[], ActionRecord]] = {
    "step_requested": lambda: step(POD, ActionState.REQUESTED),
    "step_planned_probe": lambda: step(POD, ActionState.PLANNED),
    "step_planned_gateway": lambda: step(GATEWAY, ActionState.PLANNED),
    "step_planned_restart": lambda: step(RESTART, ActionState.PLANNED, needed=2),
    "step_waits_for_another": lambda: step(RESTART, ActionState.PLANNED, needed=2, approvals=BY_ALICE),
    "step_confirmed": lambda: step(RESTART, ActionState.CONFIRMED, needed=2, approvals=BY_BOTH),
    "step_running": lambda: step(
        RESTART,
        ActionState.RUNNING,
        approvals=BY_ALICE,
        started=NOW,
        progress=("The restart was sent to the API server.", "1 of 2 pods updated."),
    ),
    "step_wrong_address": lambda: step(
        GATEWAY,
        ActionState.DONE,
        approvals=BY_ALICE,
        result=probed(ActionOutcome.NOT_AS_EXPECTED, WRONG, left_over=STAYS),
    ),
    "step_restarted": lambda: step(
        RESTART,
        ActionState.DONE,
        approvals=BY_BOTH,
        result=probed(ActionOutcome.AS_EXPECTED, "2 of 2 pods are new and ready."),
    ),
    "step_not_completed": lambda: step(
        POD,
        ActionState.DONE,
        approvals=BY_ALICE,
        cleaned=False,
        result=probed(ActionOutcome.NOT_COMPLETED, "The image of the probe could not be pulled."),
    ),
    "step_refused": lambda: step(
        RESTART,
        ActionState.REFUSED,
        approvals=BY_ALICE,
        problem="Deployment team-egress/egw has changed since the plan was shown.",
        result=probed(
            ActionOutcome.REFUSED,
            "Deployment team-egress/egw has changed since the plan was shown.",
            refusal=PlanRefusal(RefusalKind.CHANGED, "changed", ("egw-asm-1-30", "egw-asm-1-31")),
        ),
    ),
    "step_cancelled": lambda: step(POD, ActionState.CANCELLED, cancelled_by="U0BOB"),
    "step_failed": lambda: step(
        POD,
        ActionState.FAILED,
        approvals=BY_ALICE,
        cleaned=False,
        progress=("The Job was created.",),
        problem="The step was interrupted several times.",
        error="1f2e3d4c",
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_matches_its_golden(name: str) -> None:
    compare(name, (step_message(STEPS[name]()),))


def test_a_step_that_cannot_be_posted_is_sent_to_its_requester() -> None:
    compare(
        "step_elsewhere", (step_not_posted(STEPS["step_wrong_address"](), "invite it with `/invite @egress-diag`"),)
    )


FORMS: dict[str, Callable[[], ActionRecord]] = {
    "form_probe": lambda: step(POD, ActionState.PLANNED),
    "form_restart_of_the_last_ready_pod": lambda: step(
        RESTART, ActionState.PLANNED, last_ready_pod(), needed=2, approvals=BY_ALICE
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_names_everything_that_is_changed(name: str) -> None:
    action = FORMS[name]()
    assert action.plan is not None
    view: dict[str, Any] = step_form(action, action.plan, "C0OPS")
    assert not problems_of_view(view)
    labels = [str(view["title"]["text"]), *texts_of(view["blocks"]), f"[{view['submit']['text']}]"]
    path, text = HERE / f"{name}.txt", "\n".join(labels).replace("\u2060", "") + "\n"
    if os.environ.get("ACCEPT"):  # noqa: TID251 - set by `make accept`
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_text_from_the_cluster_neither_mentions_nor_formats() -> None:
    hostile = "<!channel> *bold* <@U0EVIL> `code\x07` " * 200
    found = step_message(
        step(POD, ActionState.FAILED, problem=hostile, progress=(hostile,) * 20, started=NOW + timedelta(seconds=1))
    )
    assert not problems_of_message(list(found.blocks))
    shown = "".join(texts_of(found.blocks[:-1]))
    assert not FORBIDDEN.search(shown + found.text)
    assert not CONTROL.search(shown.replace("\n", ""))
