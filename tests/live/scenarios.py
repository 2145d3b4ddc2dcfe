"""Probes of gateways, each in its own namespace with one obstacle.

Each has its exit code and its sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.clusters.compose import Manifest
from tests.live.node import NodeBehaviour
from tests.live.webhook import rule, webhook_configuration

Json = dict[str, Any]
POD_SECURITY = "pod-security.kubernetes.io/enforce"


@dataclass(frozen=True)
class Scenario:
    """A probe, the state of its namespace, the exit code and a part of the sentence.

    `objects` are created after the gateway.
    """

    code: int
    sentence: str
    behaviour: NodeBehaviour = field(default_factory=NodeBehaviour)
    objects: Callable[[str], list[Manifest]] = lambda _: []
    labels: Mapping[str, str] = field(default_factory=dict)
    replicas: int = 0
    words: tuple[str, ...] = ()
    denied: str = ""
    """The resource that the objects deny: the test waits until they take effect."""
    roles: bool = True


def _object(kind: str, version: str, namespace: str, spec: Json, **fields: Any) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "limited", "namespace": namespace}, "spec": spec}


def quota(resource: str) -> Callable[[str], list[Manifest]]:
    """A ResourceQuota that permits none of a resource."""
    return lambda namespace: [_object("ResourceQuota", "v1", namespace, {"hard": {resource: "0"}})]


def limits(namespace: str) -> list[Manifest]:
    """A LimitRange below the limits of a probe."""
    return [_object("LimitRange", "v1", namespace, {"limits": [{"type": "Container", "max": {"memory": "32Mi"}}]})]


def policy(namespace: str) -> list[Manifest]:
    """A ValidatingAdmissionPolicy that denies pods of this namespace."""
    version = "admissionregistration.k8s.io/v1"
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule("pods", "CREATE")]},
        "validations": [{"expression": "false", "message": "pods are created by the platform team"}],
    }
    binding = {"policyName": namespace, "validationActions": ["Deny"], "matchResources": here}
    return [
        {"apiVersion": version, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": namespace}, "spec": spec},
        {
            "apiVersion": version,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": namespace},
            "spec": binding,
        },
    ]


def dead_webhook(resource: str) -> Callable[[str], list[Manifest]]:
    """A webhook to which nothing listens."""
    client = {"url": "https://127.0.0.1:1/"}
    return lambda namespace: [webhook_configuration(namespace, client, [rule(resource, "CREATE", "UPDATE")])]


_FROM_GATEWAY = ("--from", "gateway")
_LIE = "{id} 0 200 0.4 \n"

SCENARIOS: dict[str, Scenario] = {
    # The longest first: they run beside the others.
    "no-network": Scenario(1, "The probe pod got no network", NodeBehaviour(sandbox="plugin failed: no gateway peer")),
    "no-node": Scenario(3, "No node accepts the probe pod", NodeBehaviour(unscheduled="0/7 nodes are available")),
    "no-image": Scenario(
        3, "The image of the probe could not be pulled", NodeBehaviour(waiting=("ImagePullBackOff", "Back-off pulling"))
    ),
    "no-image-gateway": Scenario(
        3,
        "The image of the probe could not be pulled",
        NodeBehaviour(waiting=("ErrImagePull", "not found")),
        replicas=1,
        words=_FROM_GATEWAY,
    ),
    "answers": Scenario(0, "leaves as 20.50.60.1"),
    "other-address": Scenario(
        1, "not in the egress IP prefix 20.50.60.0/30", NodeBehaviour(log=b"52.1.2.3\n" + _LIE.encode())
    ),
    "no-egress": Scenario(
        1, "has no egress", NodeBehaviour(log=b"\n{id} 28 000 10.0 Connection timed out\n", exit_code=28)
    ),
    "no-names": Scenario(
        1, "could not be resolved", NodeBehaviour(log=b"\n{id} 6 000 0.1 Could not resolve host\n", exit_code=6)
    ),
    "text": Scenario(1, "text that is not an IP address", NodeBehaviour(log=b"your address\n" + _LIE.encode())),
    "page": Scenario(1, "an HTML page", NodeBehaviour(log=b"<!doctype html>\n<p>20.50.60.1</p>\n" + _LIE.encode())),
    "huge": Scenario(1, "longer than an address can be", NodeBehaviour(log=b"20.50.60.1 " * 1_000_000)),
    "silent": Scenario(3, "without the output of curl", NodeBehaviour(log=b"")),
    "no-curl": Scenario(
        3,
        "has no curl command",
        NodeBehaviour(terminated=("StartError", 'exec: "curl": executable file not found in $PATH')),
    ),
    "refused-by-node": Scenario(
        3,
        "No node accepts the probe pod (OutOfcpu: Pod was rejected",
        NodeBehaviour(rejected=("OutOfcpu", "Pod was rejected: Node didn't have enough resource: cpu")),
    ),
    "killed-container": Scenario(
        3,
        "without the output of curl: the image may not contain curl 7.75 or later (Error, exit code 137)",
        NodeBehaviour(log=b"", exit_code=137),
    ),
    "no-log": Scenario(3, "its log could not be read", NodeBehaviour(log_status=500)),
    "quota-pods": Scenario(3, "The quota of the namespace is exhausted", objects=quota("pods"), denied="pods"),
    "quota-jobs": Scenario(
        3, "The quota of the namespace is exhausted", objects=quota("count/jobs.batch"), denied="jobs"
    ),
    "limits": Scenario(3, "A policy of the namespace or cluster denied the probe", objects=limits, denied="pods"),
    "policy": Scenario(3, "A policy of the namespace or cluster denied the probe", objects=policy, denied="pods"),
    "dead-webhook": Scenario(
        3, "An admission webhook denied the probe, or did not answer", objects=dead_webhook("pods"), denied="pods"
    ),
    "dead-webhook-jobs": Scenario(
        3, "An admission webhook denied the probe, or did not answer", objects=dead_webhook("jobs.batch"), denied="jobs"
    ),
    "no-roles": Scenario(3, "The account of the active steps lacks a permission", roles=False),
    "restricted": Scenario(0, "leaves as 20.50.60.1", labels={POD_SECURITY: "restricted"}),
    "gateway": Scenario(0, "leaves as 20.50.60.1", replicas=2, words=_FROM_GATEWAY),
    "gateway-baseline": Scenario(
        0, "leaves as 20.50.60.1", labels={POD_SECURITY: "baseline"}, replicas=1, words=_FROM_GATEWAY
    ),
    "gateway-other-address": Scenario(
        1,
        "not in the egress IP prefix",
        NodeBehaviour(log=b"52.1.2.3\n" + _LIE.encode()),
        replicas=1,
        words=_FROM_GATEWAY,
    ),
    "gateway-webhook": Scenario(
        3,
        "An admission webhook denied the probe, or did not answer",
        objects=dead_webhook("pods/ephemeralcontainers"),
        replicas=1,
        words=_FROM_GATEWAY,
    ),
    "gateway-no-roles": Scenario(
        3, "The account of the active steps lacks a permission", replicas=1, words=_FROM_GATEWAY, roles=False
    ),
    "gateway-without-pods": Scenario(2, "there is no pod to send a request from", words=_FROM_GATEWAY),
}
