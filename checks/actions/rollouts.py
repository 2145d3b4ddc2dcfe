"""Restarts of a Deployment: the patch, its effect, and the state of the rollout.

Source: kubectl's `rollout restart` and `rollout status`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import floor
from typing import Any
from urllib.parse import quote

from checks.facts.workloads import Deployment
from checks.model.raw_values import at, flag, moment, number, text

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
ROLLOUT_SECONDS = 600
"""The seconds for which a rollout is followed: a Deployment's default deadline."""


def deployment_path(namespace: str, name: str) -> str:
    """The path of a Deployment in the API."""
    return f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}/deployments/{quote(name, safe='')}"


def restart_time(created: datetime) -> str:
    """The value of the annotation: the time of the plan.

    A repeated patch therefore restarts nothing again.
    """
    return created.strftime("%Y-%m-%dT%H:%M:%SZ")


def restart_patch(created: datetime) -> Mapping[str, Any]:
    """The strategic merge patch of a restart."""
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: restart_time(created)}}}}}


def is_restarted(deployment: Deployment, created: datetime) -> bool:
    """Whether the restart of this plan has been requested."""
    return deployment.template_annotations.get(RESTARTED_AT) == restart_time(created)


def is_restarted_later(deployment: Deployment, created: datetime) -> bool:
    """Whether a restart was requested after this plan, which may be that of another plan."""
    found = moment(deployment.template_annotations, RESTARTED_AT)
    return found is not None and found > created


def is_paused(deployment: Deployment) -> bool:
    """Whether its controller replaces no pods, so that `kubectl rollout restart` refuses, too."""
    return flag(deployment.raw, "spec", "paused") is True


def takes_last_ready_pod(deployment: Deployment) -> bool:
    """Whether a restart can leave the Deployment without a ready pod that it has now.

    It does if only one pod is ready, if all pods are replaced at once, or if as many pods as are ready may be unavailable.
    """
    ready = deployment.ready
    if not ready:
        return False
    if ready == 1 or text(deployment.raw, "spec", "strategy", "type") == "Recreate":
        return True
    return _most_unavailable(deployment) >= ready


def _most_unavailable(deployment: Deployment) -> int:
    """`maxUnavailable` in pods; a percentage is rounded down."""
    found = at(deployment.raw, "spec", "strategy", "rollingUpdate", "maxUnavailable")
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    written = found if isinstance(found, str) else "25%"
    digits = written.removesuffix("%")
    if not digits.isdecimal():
        return deployment.replicas
    return floor(deployment.replicas * int(digits) / 100) if written.endswith("%") else int(digits)


@dataclass(frozen=True, slots=True)
class Rollout:
    """The state of a rollout, as numbers of pods: wanted, new, available and old.

    `stuck` is the message of the controller if it exceeded its progress deadline.
    """

    wanted: int
    updated: int
    available: int
    old: int
    stuck: str = ""
    observed: bool = True

    @property
    def complete(self) -> bool:
        return self.observed and self.updated >= self.wanted and self.old == 0 and self.available >= self.updated

    @property
    def sentence(self) -> str:
        """The progress in one sentence."""
        if self.stuck:
            return f"The rollout does not progress: {self.stuck}"
        if not self.observed:
            return "The Deployment's controller has not seen the restart yet."
        if self.complete:
            return f"{self.available} of {self.wanted} new pods are available."
        old = f" {self.old} old pods still exist." if self.old else ""
        return (
            f"{self.updated} of {self.wanted} pods are new, {min(self.available, self.updated)} of them available.{old}"
        )


def rollout_of(deployment: Deployment) -> Rollout:
    """The state of the rollout, by the rule of `kubectl rollout status`."""
    raw = deployment.raw
    total, updated = (number(raw, "status", key) or 0 for key in ("replicas", "updatedReplicas"))
    progressing = deployment.condition("Progressing")
    stuck = text(progressing, "message") if text(progressing, "reason") == "ProgressDeadlineExceeded" else ""
    observed = (deployment.observed_generation or 0) >= (deployment.generation or 0)
    return Rollout(
        wanted=deployment.replicas,
        updated=updated,
        available=number(raw, "status", "availableReplicas") or 0,
        old=max(0, total - updated),
        stuck=stuck if observed else "",
        observed=observed,
    )
