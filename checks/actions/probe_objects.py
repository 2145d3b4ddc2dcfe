"""The objects that probes create: a Job with one pod, or an ephemeral container.

Both satisfy the `restricted` pod security level, so that a namespace that holds probes can enforce it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from checks.actions.echo_requests import REQUEST_SECONDS, curl_command
from checks.actions.plan import ACTION_LABEL, MANAGED_BY, OWNER_LABEL

SGC_ANNOTATION = "kubernetes.azure.com/static-gateway-configuration"
CONTAINER = "probe"
PROBE_USER = 65532
"""A user without a name.

The kubelet cannot verify that a named user of an image is not root.
"""

START_SECONDS = 90
"""The time that scheduling, the pod's network and pulling the image may take."""
KEPT_SECONDS = 300
"""The time after its end at which Kubernetes itself deletes the Job."""

_SECURITY: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": PROBE_USER,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
_RESOURCES: Mapping[str, Any] = {
    "requests": {"cpu": "10m", "memory": "16Mi", "ephemeral-storage": "8Mi"},
    "limits": {"cpu": "100m", "memory": "64Mi", "ephemeral-storage": "32Mi"},
}


def object_name(plan_id: str) -> str:
    """The name of a plan's Job or ephemeral container."""
    return f"egress-diag-probe-{plan_id}"


def object_labels(plan_id: str, owner: str) -> dict[str, str]:
    """The labels by which a worker and the janitor find what a plan created."""
    return {"app.kubernetes.io/managed-by": MANAGED_BY, ACTION_LABEL: plan_id, OWNER_LABEL: owner}


def probe_seconds(urls: Sequence[str]) -> int:
    """The deadline of a probe: its start and each request."""
    return START_SECONDS + REQUEST_SECONDS * len(urls)


def probe_job(
    plan_id: str, owner: str, namespace: str, configuration: str, image: str, urls: Sequence[str]
) -> dict[str, Any]:
    """The Job of a probe pod.

    Its pod is not injected, has no service account token, and has the StaticGatewayConfiguration annotation of the
    gateway (SEG-5). It is never repeated: one plan sends its requests once.
    """
    labels = object_labels(plan_id, owner)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": object_name(plan_id), "namespace": namespace, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": probe_seconds(urls),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {
                "metadata": {
                    "labels": {**labels, "sidecar.istio.io/inject": "false"},
                    "annotations": {SGC_ANNOTATION: configuration, "sidecar.istio.io/inject": "false"},
                },
                "spec": {
                    "restartPolicy": "Never",
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 1,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": PROBE_USER,
                        "runAsGroup": PROBE_USER,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": CONTAINER,
                            "image": image,
                            "command": list(curl_command(plan_id, urls)),
                            "resources": dict(_RESOURCES),
                            "securityContext": dict(_SECURITY),
                            "terminationMessagePolicy": "FallbackToLogsOnError",
                        }
                    ],
                },
            },
        },
    }


def ephemeral_container(plan_id: str, image: str, urls: Sequence[str]) -> dict[str, Any]:
    """The patch that adds the ephemeral container of a probe from the gateway (SEG-4).

    Kubernetes allows neither resources for it nor its removal.
    """
    return {
        "spec": {
            "ephemeralContainers": [
                {
                    "name": object_name(plan_id),
                    "image": image,
                    "command": list(curl_command(plan_id, urls)),
                    "securityContext": dict(_SECURITY),
                    "terminationMessagePolicy": "FallbackToLogsOnError",
                }
            ]
        }
    }
