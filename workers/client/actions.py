"""Active steps as the bot requests, approves and cancels them."""

from checks.actions.plan import ActionKind, PlanRefusal
from checks.config.access_rules import is_permitted_to_someone
from workers.client.stores import Stores
from workers.queue.celery_app import ACTIONS_QUEUE
from workers.queue.sending import send
from workers.records.action import ActionOrder, ActionRecord, ActionState
from workers.records.run import Target

PLAN_TASK = "workers.plan_action"
EXECUTE_TASK = "workers.execute_action"


class ActionClient:
    """The bot's interface to active steps. Every method may raise `Unavailable`."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def active(self) -> tuple[ActionRecord, ...]:
        """The actions that have not ended, oldest first."""
        return tuple(each for each in self._stores.actions.active() if not each.state.ended)

    def offered(self, target: Target, channel: str) -> frozenset[str]:
        """The permissions (`probe`, `restart`) that someone has for a gateway in a channel.

        None if active steps are off in its namespace, or if the cluster is a bundle.
        """
        probe, rules = self._stores.config.probe, self._stores.config.access
        live = any(each.name == target.cluster and each.bundle is None for each in self._stores.config.clusters)
        if probe is None or not live or target.namespace not in probe.namespaces:
            return frozenset()
        return frozenset(
            kind.permission
            for kind in ActionKind
            if is_permitted_to_someone(rules, channel, kind.permission, target.cluster, target.gateway)
        )

    def request(self, order: ActionOrder) -> tuple[ActionRecord, bool]:
        """Request a plan; True for a repeated request.

        The plan appears in the record (document `action/ID`).
        """
        probe = self._stores.config.probe
        action, repeated = self._stores.actions.accept(order, probe.approvals if probe is not None else 1)
        if not repeated:
            self._stores.action_changed(action)
            send(self._stores.publisher, PLAN_TASK, action.id, ACTIONS_QUEUE)
        return action, repeated

    def approve(self, action_id: str, user: str, typed: str = "") -> ActionRecord | PlanRefusal:
        """Approve a plan as one person.

        The last approval that is needed sends it to the workers. The caller verifies the permission
        `action.order.kind.permission` first. Returns the reason of a refusal.
        """
        found = self._stores.actions.approve(action_id, user, typed)
        if isinstance(found, ActionRecord):
            self._stores.action_changed(found)
            if found.state is ActionState.CONFIRMED:
                send(self._stores.publisher, EXECUTE_TASK, action_id, ACTIONS_QUEUE)
        return found

    def cancel(self, action_id: str, user: str) -> bool:
        """End an action that no worker has begun. False if one has, or if it had ended."""
        found = self._stores.actions.cancel(action_id, user)
        if found is not None:
            self._stores.action_changed(found, urgent=True)
        return found is not None
