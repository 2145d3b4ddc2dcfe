"""The tasks of active steps, and the round of the janitor that sends them again."""

from datetime import UTC, datetime

from workers.client.actions import EXECUTE_TASK, PLAN_TASK
from workers.client.stores import Stores
from workers.queue.celery_app import ACTIONS_QUEUE, app
from workers.queue.sending import send
from workers.records.action import ActionState
from workers.runs.audit import AuditEntry
from workers.tasks.actor import Actor
from workers.tasks.canary import CANARY_TASK, CanaryRunner
from workers.tasks.canary_results import note_scheduled_probe
from workers.tasks.left_overs import LEFT_OVERS_TASK, remove_left_overs, search_left_overs
from workers.tasks.process import client

ACTION_LIMIT = 900
"""Seconds after which the pool kills the task of an action; a rollout is followed for 600."""

_TOO_LATE = {
    ActionState.REQUESTED: "No worker of the queue actions planned this step.",
    ActionState.PLANNED: "The plan was not confirmed in time.",
    ActionState.CONFIRMED: "No worker of the queue actions began this step in time. Nothing was changed.",
}


@app.task(name=PLAN_TASK)
def plan_step(action_id: str) -> None:
    """Plan one action."""
    Actor(client()).plan(action_id)


@app.task(name=EXECUTE_TASK, time_limit=ACTION_LIMIT, soft_time_limit=ACTION_LIMIT - 30)
def execute_step(action_id: str) -> None:
    """Execute one action, or remove what an ended one has left."""
    Actor(client()).execute(action_id)


@app.task(name=CANARY_TASK, time_limit=ACTION_LIMIT, soft_time_limit=ACTION_LIMIT - 30)
def make_scheduled_probe(cluster: str) -> None:
    """Make the next scheduled probe of a cluster.

    One message is one probe, so the steps that people request come between two.
    """
    mine = client()
    if CanaryRunner(mine).advance(cluster):
        send(mine.stores.publisher, CANARY_TASK, cluster, ACTIONS_QUEUE)


@app.task(name=LEFT_OVERS_TASK)
def remove_left_over_jobs(cluster: str) -> None:
    """Delete the ended Jobs of probes in a cluster that no active step uses."""
    remove_left_overs(client().stores, cluster)


def follow_actions(stores: Stores) -> None:
    """Send lost tasks again, and end actions that were not planned, confirmed or begun in time."""
    now = datetime.now(UTC)
    for action in stores.actions.active():
        if stores.actions.is_leased(action.id):
            continue
        if action.is_too_old(now):
            problem = _TOO_LATE[action.state]
            if (ended := stores.actions.fail(action.id, problem)) is not None:
                stores.action_changed(ended, urgent=True)
                note_scheduled_probe(stores, ended)
                order, what = ended.order, f"action {ended.order.kind.value}"
                about = str(order.target)
                stores.audit.append(AuditEntry(order.user, order.channel, what, about, "failed", order.run, problem))
        elif action.state is not ActionState.PLANNED and stores.actions.may_resend(action.id, 15):
            task = PLAN_TASK if action.state is ActionState.REQUESTED else EXECUTE_TASK
            send(stores.publisher, task, action.id, ACTIONS_QUEUE, expires=60)
    search_left_overs(stores)
