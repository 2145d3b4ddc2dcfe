"""The steps for a workload that names a StaticGatewayConfiguration which it cannot use."""

import json
from collections.abc import Mapping

from checks.facts.static_egress import StaticGatewayConfiguration
from checks.model.commands import SEGDOC, alternatives, change, disrupt, kubectl, kubectl_apply
from checks.model.findings import Action
from checks.static_egress.configuration_yaml import manifest_like
from checks.static_egress.misplaced_workloads import Misplaced, Obstacle

_ANNOTATION = "kubernetes.azure.com/static-gateway-configuration"
_REPLACES = "replaces its pods, open connections are closed"


def misplaced_fixes(configuration: StaticGatewayConfiguration, each: Misplaced) -> list[Action]:
    """Remove what keeps the workload from the gateway, or the annotation."""
    plain = _without_annotation(each)
    match each.obstacle:
        case Obstacle.OTHER_NAMESPACE:
            return alternatives(_own_configuration(configuration, each), plain)
        case Obstacle.HOST_NETWORK if each.kind != "Pod":
            return alternatives(plain, _own_network(each))
        case _:
            return [plain]


def _own_configuration(configuration: StaticGatewayConfiguration, each: Misplaced) -> Action:
    """A StaticGatewayConfiguration of this name in the workload's namespace."""
    manifest = manifest_like(configuration, configuration.name, configuration.pool, each.namespace)
    return change(
        f"Create StaticGatewayConfiguration {each.namespace}/{configuration.name} with the fields of "
        f"{configuration.namespace}/{configuration.name}; its egress IP prefix is another one, and costs money",
        kubectl_apply(manifest),
        SEGDOC,
        "it has an egress IP prefix within five minutes, which destinations must allow; then waiting pods get their network",
    )


def _without_annotation(each: Misplaced) -> Action:
    expect = "the pods start without the gateway: their traffic leaves from the cluster's outbound address"
    if each.kind == "Pod":
        command = kubectl("annotate", "pod", each.name, f"{_ANNOTATION}-", namespace=each.namespace)
        return change(f"Remove the annotation from {each.ref}", command, SEGDOC, expect)
    annotations = {"template": {"metadata": {"annotations": {_ANNOTATION: None}}}}
    return disrupt(f"Remove the annotation from {each.ref}; {_REPLACES}", _patch(each, annotations), SEGDOC, expect)


def _own_network(each: Misplaced) -> Action:
    return disrupt(
        f"Set hostNetwork of {each.ref} to false; {_REPLACES}",
        _patch(each, {"template": {"spec": {"hostNetwork": False}}}),
        SEGDOC,
        "its pods have networks of their own, and use the gateway",
    )


def _patch(each: Misplaced, spec: Mapping[str, object]) -> str:
    patch = json.dumps({"spec": spec})
    return kubectl("patch", each.kind.lower(), each.name, "--type", "merge", "-p", patch, namespace=each.namespace)
