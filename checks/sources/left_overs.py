"""Jobs of probes that were left over, found by their labels."""

from collections.abc import Mapping

from checks.actions.plan import ACTION_LABEL, MANAGED_BY, OWNER_LABEL, ApiCall
from checks.actions.probe_objects import object_name
from checks.model.raw_values import Raw, items, labels, text
from checks.sources.action_api import ActionApi
from checks.sources.replies import Failure

_DELETE = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}


def left_over_jobs(api: ActionApi, namespace: str, owner: str, deadline: float) -> Mapping[str, str]:
    """The ended Jobs of probes that this installation created: name by the ID of its plan.

    A Job that has not ended is stopped by its own deadline. Raises Failure.
    """
    query = {"labelSelector": f"app.kubernetes.io/managed-by={MANAGED_BY},{OWNER_LABEL}={owner}"}
    found = api.list(_path(namespace), query, deadline)
    names = {_plan_id(each): text(each, "metadata", "name") for each in found if _has_ended(each)}
    return {plan_id: name for plan_id, name in names.items() if name == object_name(plan_id)}


def delete_job(api: ActionApi, namespace: str, name: str, deadline: float) -> bool:
    """Delete a Job with its pod. False if it does not exist any more. Raises Failure."""
    try:
        api.change(ApiCall("DELETE", f"{_path(namespace)}/{name}", _DELETE), deadline)
    except Failure as failure:
        if failure.status == 404:
            return False
        raise
    return True


def _plan_id(job: Raw) -> str:
    return labels(job, "metadata", "labels").get(ACTION_LABEL, "")


def _has_ended(job: Raw) -> bool:
    conditions = items(job, "status", "conditions")
    return any(text(each, "type") in ("Complete", "Failed") and text(each, "status") == "True" for each in conditions)


def _path(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"
