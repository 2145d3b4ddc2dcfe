"""Points of a probe at which a test stops the process that executes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

from checks.actions.plan import ACTION_LABEL
from tests.live.cluster import StepCluster
from tests.live.node import NodeBehaviour
from tests.live.webhook import AdmissionWebhook, rule

STAGES = ("create", "wait", "read", "delete")


class HeldStage:
    """A stage of a probe that does not end before `release`.

    It is a request that is not answered, or a pod that does not end.
    """

    def __init__(self, cluster: StepCluster, namespace: str, stage: str) -> None:
        self._cluster, self._namespace, self._stage = cluster, namespace, stage
        self._requested, self._released = Event(), Event()
        self._read_before = len(cluster.node.logs_read)

    def wait(self) -> None:
        """Wait until the probe has reached the stage."""
        self._cluster.wait(self._reached, f"the probe reaches {self._stage}")

    def release(self) -> None:
        self._released.set()
        self._cluster.node.behaviours[self._namespace] = NodeBehaviour()

    def decide(self, request: dict[str, Any]) -> str:
        """The decision of the webhook: held requests are permitted in the end."""
        held_operations = {"create": ("CREATE", "UPDATE"), "delete": ("DELETE",)}.get(self._stage, ())
        if not request.get("dryRun") and request["operation"] in held_operations:
            self._requested.set()
            self._released.wait(8)
        return ""

    def _reached(self) -> bool:
        if self._stage == "read":
            return len(self._cluster.node.logs_read) > self._read_before
        if self._stage == "wait":
            return self._runs()
        return self._requested.is_set()

    def _runs(self) -> bool:
        """Whether the container of a probe runs, in a pod of its own or in a gateway pod."""
        for pod in self._cluster.ok("GET", f"/api/v1/namespaces/{self._namespace}/pods")["items"]:
            key = "containerStatuses" if ACTION_LABEL in pod["metadata"]["labels"] else "ephemeralContainerStatuses"
            if any("running" in each["state"] for each in pod["status"].get(key, ())):
                return True
        return False


@contextmanager
def held(cluster: StepCluster, namespace: str, stage: str) -> Iterator[HeldStage]:
    """Hold probes of a namespace at a stage, until it is released or the block ends."""
    hold = HeldStage(cluster, namespace, stage)
    behaviours = {"wait": NodeBehaviour(seconds=3600), "read": NodeBehaviour(log_seconds=6)}
    cluster.node.behaviours[namespace] = behaviours.get(stage, NodeBehaviour())
    with AdmissionWebhook(hold.decide) as webhook:
        configuration = webhook.configuration(
            namespace, rule("jobs.batch", "CREATE", "DELETE"), rule("pods/ephemeralcontainers", "UPDATE")
        )
        cluster.chart.server.create([configuration])
        path = (
            f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{configuration['metadata']['name']}"
        )
        try:
            cluster.wait_until_called(webhook, namespace)
            yield hold
        finally:
            hold.release()
            cluster.ok("DELETE", path)
