"""Sidecars answer DNS queries if their Deployments can be changed.

A proxy configuration of their own is not overwritten.
"""

from typing import Any

import pytest

from checks.facts.pods import Pod
from checks.istio.fixes.dns_proxy import PROXY_CONFIGURATION, capture_dns

_HOSTS = ("kafka1.example", "kafka2.example")


def _pod(name: str, owner: str = "ReplicaSet", **annotations: str) -> Pod:
    labels: dict[str, Any] = {"pod-template-hash": "7c5b9d6f4"} if owner == "ReplicaSet" else {}
    owned = f"{name}-7c5b9d6f4" if owner == "ReplicaSet" else name
    metadata = {
        "namespace": "team-a",
        "name": f"{owned}-m4t8x",
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": [{"kind": owner, "name": owned, "controller": True}],
    }
    return Pod({"kind": "Pod", "metadata": metadata})


def test_each_deployment_is_changed_once() -> None:
    found = capture_dns([_pod("web"), _pod("web"), _pod("job")], _HOSTS)
    assert [each.command.split(" --type")[0] for each in found] == [
        "kubectl patch deployment job",
        "kubectl patch deployment web",
    ]
    assert all("ISTIO_META_DNS_CAPTURE" in each.command and PROXY_CONFIGURATION in each.command for each in found)
    assert all("kafka1.example and kafka2.example" in each.title for each in found)


@pytest.mark.parametrize(
    "pods",
    [
        [],
        [_pod("web"), _pod("db", "StatefulSet")],
        [_pod("web", **{PROXY_CONFIGURATION: "concurrency: 2"})],
    ],
    ids=["no pod", "a pod without a Deployment", "a proxy configuration of its own"],
)
def test_otherwise_there_is_no_command(pods: list[Pod]) -> None:
    assert capture_dns(pods, _HOSTS) == ()
