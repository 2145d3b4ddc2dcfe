"""The actions of a finding hold no secret.

While the gateway starts, none changes the cluster.
"""

from __future__ import annotations

import pytest

from checks.catalogue import catalogue
from checks.engine.starting import while_starting
from checks.model.findings import Action, Effect, Finding, Observation, Status

TOKEN = "ghp_" + "a1B2" * 9
READ = Action("Look", "kubectl get pods", Effect.READS)
CHANGE = Action("Change", "kubectl delete pod egw-0", Effect.DISRUPTS)


def finding(status: Status, *actions: Action, pending: bool = False) -> Finding:
    return catalogue()[0].finding(Observation(status, "It is so.", actions=actions, pending=pending))


def test_no_command_of_an_action_holds_a_secret() -> None:
    """A value of an annotation can get into a command, its verification or its undo."""
    line = f"kubectl annotate pod egw-0 token={TOKEN}"
    (action,) = finding(Status.FAIL, Action("Show", line, Effect.READS, verify=line, undo=line)).actions
    for command in (action.command, action.verify, action.undo):
        assert TOKEN not in command
        assert command.startswith("kubectl annotate pod egw-0 ")
    assert finding(Status.FAIL, READ).actions == (READ,)


def test_a_change_with_a_secret_has_no_command_that_would_write_the_placeholder() -> None:
    line = f"kubectl annotate pod egw-0 token={TOKEN}"
    (action,) = finding(Status.FAIL, Action("Annotate", line, Effect.CHANGES, undo=line)).actions
    assert (action.title, action.command, action.undo) == (
        "Annotate (the command contains a secret and is not printed)",
        "",
        "",
    )


@pytest.mark.parametrize(
    ("seen", "offered"),
    [
        (finding(Status.WARN, READ, pending=True), (READ,)),
        (finding(Status.UNKNOWN, READ, CHANGE), (READ,)),
        (finding(Status.WARN, READ), ()),
        (finding(Status.FAIL, READ, CHANGE), ()),
        (finding(Status.PASS, READ), ()),
    ],
    ids=["pending cause", "not checked", "warning", "failure", "passed"],
)
def test_a_gateway_that_starts_offers_only_read_only_actions_of_pending_causes(
    seen: Finding, offered: tuple[Action, ...]
) -> None:
    (found,) = while_starting([seen])
    assert found.actions == offered
