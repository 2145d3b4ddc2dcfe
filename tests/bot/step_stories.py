"""Active steps in each state, and a conversation over a cluster that accepts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from bot.sandbox import Ack, SandboxServer, StoredMessage
from checks.actions.plan import ActionKind
from checks.actions.results import ActionOutcome, ActionResult
from checks.config.configuration_file import load
from checks.sources.active_steps import Pace
from checks.sources.live import close_sources
from checks.sources.probe_waiting import Patience
from tests.bot.conversation import Conversation, conversation
from tests.checks.actions.test_planning import NOW, deployment, planned
from tests.clusters.compose import compose, named, write_bundle
from tests.loopback.active import ANSWER, ActiveKubeServer, Kubelet
from workers.client import connect
from workers.queue.settings import WorkerSettings
from workers.records.action import ActionOrder, ActionRecord, ActionState, Approval
from workers.records.run import Target
from workers.tasks.actor import Actor

HASTE = Pace(poll=0.02, grace=0.0, patience=Patience(0.05, 0.05, 0.05, 0.05))
OTHER_ADDRESS = Kubelet(log="52.1.2.3\n{id} 0 200 0.42 \n", restarted_log=ANSWER)
"""Until a restart, traffic leaves by an address outside the egress IP prefix."""

READY = {
    "kind": "Deployment",
    "metadata": {"namespace": "team-egress", "name": "egw-asm-1-30"},
    "spec": {"replicas": 2},
    "status": {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
}
RULES = (
    {"allow": ["diagnose", "probe", "restart"], "users": ["U0ALICE", "U0BOB"], "channels": ["C0OPS"]},
    {"allow": ["diagnose"], "users": ["*"]},
)


def step(kind: ActionKind, state: ActionState, *changes: dict[str, Any], **fields: Any) -> ActionRecord:
    """A step in this state, planned over the base cluster with these changes."""
    order = ActionOrder(Target("x", "egw", "team-egress"), kind, "U0ALICE", "C0OPS", "press/1", thread="1.0", run="a1")
    plan = None if state is ActionState.REQUESTED else planned(kind, *changes)
    given: dict[str, Any] = {"plan": plan, **fields}
    if state.ended:
        given.setdefault("ended", NOW + timedelta(minutes=3))
    return ActionRecord("0a1b2c3d4e5f", order, state, NOW, **given)


def last_ready_pod() -> dict[str, Any]:
    """A gateway of whose two pods only one is ready."""
    return deployment(1, 2)


BY_ALICE = (Approval("U0ALICE", NOW + timedelta(minutes=1)),)
BY_BOTH = (*BY_ALICE, Approval("U0BOB", NOW + timedelta(minutes=2)))


def probed(outcome: ActionOutcome, summary: str, **fields: Any) -> ActionResult:
    """The result of a step."""
    return ActionResult(outcome, summary, NOW + timedelta(minutes=3), **fields)


@dataclass
class StepConversation(Conversation):
    """A conversation whose workers also plan and execute active steps."""

    actor: Actor | None = None

    def step(self) -> bool:
        """Do one round of work, with that of the queue `actions`."""
        busy = False
        assert self.actor is not None
        for action in self.client.stores.actions.active():
            if action.state is ActionState.REQUESTED:
                self.actor.plan(action.id)
                busy = True
            elif action.state in (ActionState.CONFIRMED, ActionState.RUNNING):
                self.actor.execute(action.id)
                busy = True
        return super().step() or busy

    @property
    def steps(self) -> list[StoredMessage]:
        """The messages of active steps."""
        return [m for m in self.slack.workspace.all_messages() if document(m).startswith("action/")]

    def submit(self, values: Mapping[str, str] | None = None, *, user: str = "U0ALICE") -> Ack:
        """Submit the open form of this person, then do all work that follows."""
        ack = self.slack.submit_view(self.slack.views(user)[-1], values or {}, user=user)
        self.play()
        return ack

    def find(self, action: str) -> StoredMessage:
        """The newest message with a button of this name."""
        for message in reversed(self.slack.workspace.all_messages()):
            latest = self.slack.latest(message) or message
            for block in latest.blocks:
                if any(e.get("action_id", "").startswith(action) for e in block.get("elements", ())):
                    return latest
        raise AssertionError(f"no button {action}")


def document(message: StoredMessage) -> str:
    """The document that a message belongs to."""
    return str((message.metadata or {}).get("event_payload", {}).get("document", ""))


def write_step_config(
    folder: Path, server: ActiveKubeServer, rules: Sequence[Mapping[str, Any]] = RULES, **probe: Any
) -> Path:
    """A configuration with one live cluster in which active steps are enabled."""
    saved = folder / "saved"
    write_bundle(named("base"), saved)
    azure = {
        "managed_cluster": str(saved / "azure" / "managed-cluster.json"),
        "agent_pools": str(saved / "azure" / "agent-pools.json"),
        "resources": str(saved / "azure" / "resources.json"),
    }
    entry = {"name": "prod-weu", "kubeconfig": str(server.kubeconfig(folder)), "azure": azure}
    config = folder / "steps.yaml"
    settings = {"namespaces": ["team-egress"], **probe}
    config.write_text(
        yaml.safe_dump({"clusters": [entry], "probe": settings, "access": [dict(each) for each in rules]})
    )
    return config


@contextmanager
def step_conversation(
    slack: SandboxServer,
    redis_url: str,
    folder: Path,
    *changes: dict[str, Any],
    rules: Sequence[Mapping[str, Any]] = RULES,
    **probe: Any,
) -> Iterator[tuple[StepConversation, ActiveKubeServer]]:
    """Alice and Bob may probe and restart a gateway that uses another address."""
    with ActiveKubeServer(compose(named("base"), {"change": list(changes or (READY,))}), OTHER_ADDRESS) as server:
        config = load(write_step_config(folder, server, rules, **probe))
        # It plays the worker and the courier, too, which wait for a slow Redis.
        client = connect(WorkerSettings(REDIS_URL=redis_url), config, retry=True)
        try:
            with conversation(slack, client, config) as talk:
                yield (
                    StepConversation(
                        talk.slack, client, config, talk.courier, talk.diagnoser, talk.listeners, Actor(client, HASTE)
                    ),
                    server,
                )
        finally:
            client.close()
            close_sources()


def state_of(talk: StepConversation) -> list[ActionRecord]:
    """Every step that has a message, as it is now."""
    names = [document(m).partition("/")[2] for m in talk.steps]
    return [found for name in names if (found := talk.client.get(ActionRecord, name)) is not None]
