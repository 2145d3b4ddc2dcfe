"""A move to a new StaticGatewayConfiguration in Slack.

Each press of "I ran it" verifies the step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.sandbox import StoredMessage
from tests.bot.conversation import Conversation
from tests.clusters.compose import compose, named, write_bundle
from tests.system import slot

pytestmark = pytest.mark.slow

MOVE = "egress-diag/replaces: sgc"
"""The step that begins the move."""
NO_PREFIX = {
    "kind": "StaticGatewayConfiguration",
    "metadata": {"namespace": "team-egress", "name": "sgc", "creationTimestamp": "2026-11-22T10:00:00Z"},
    "status": None,
}


def new(prefix: str = "") -> dict[str, Any]:
    return {
        "apiVersion": "egressgateway.kubernetes.azure.com/v1alpha1",
        "kind": "StaticGatewayConfiguration",
        "metadata": {"namespace": "team-egress", "name": "sgc-2", "annotations": {"egress-diag/replaces": "sgc"}},
        "spec": {"gatewayNodepoolName": "gwpool"},
        "status": {"egressIpPrefix": prefix} if prefix else {},
    }


def become(talk: Conversation, folder: Path, **patch: Any) -> None:
    """Replace the cluster by the healthy one with this patch."""
    write_bundle(compose(named("base"), patch), folder)
    clusters = tuple(
        each.model_copy(update={"bundle": folder}) if each.name == "prod-weu" else each
        for each in talk.diagnoser.clusters.config.clusters
    )
    talk.diagnoser.clusters.config = talk.diagnoser.clusters.config.model_copy(update={"clusters": clusters})


def newest_with(talk: Conversation, words: str) -> StoredMessage:
    found = [each for each in talk.slack.thread(talk.parents[0]) if words in each.shown and ran(each)]
    assert found, [slot(each) for each in talk.slack.thread(talk.parents[0])]
    return found[-1]


def ran(message: StoredMessage) -> list[str]:
    """The buttons "I ran it" of a message."""
    return [each for each in message.buttons if each.startswith("ran/")]


def test_each_step_is_verified_by_a_press_of_i_ran_it(talk: Conversation, tmp_path: Path) -> None:
    become(talk, tmp_path / "before", change=[NO_PREFIX])
    talk.say("/egress-diag weu egw")
    first = newest_with(talk, MOVE)

    talk.press(first, ran(first)[-1])
    assert "Nothing changed" in talk.slack.thread(talk.parents[0])[-1].shown, "the step was not run"

    become(talk, tmp_path / "created", change=[NO_PREFIX], add=[new()])
    talk.press(first, ran(first)[-1])
    step = newest_with(talk, "Step 2 of 5")
    assert "Step 2 of 5 of the move from sgc to sgc-2 is not done" in step.shown

    become(talk, tmp_path / "assigned", change=[NO_PREFIX], add=[new("20.50.61.0/30")])
    talk.press(step, ran(step)[0])
    step = newest_with(talk, "Step 3 of 5")
    assert "Step 3 of 5" in step.shown
    assert "--gateway-configuration-name sgc-2" in step.shown
    assert "to go back" in step.shown
