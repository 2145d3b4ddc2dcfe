"""Evidence and fixes for pods that name another StaticGatewayConfiguration than Azure."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.knowledge.object_managers import gitops_program
from checks.kubernetes.deployment_details import resume_rollout
from checks.model.commands import (
    AZ_VERSION,
    TSG,
    alternatives,
    change,
    disable_gateway,
    disrupt,
    enable_gateway,
    inspect,
    kubectl,
)
from checks.model.findings import Action, Effect, Evidence
from checks.static_egress.procedures import wait_for_prefix
from checks.static_egress.restored_gateways import restore_gateway


def annotation_fixes(facts: Facts, deployment: Deployment) -> Iterator[Action]:
    """Shows who changed the template, and sets its annotation."""
    gateway, namespace = facts.gateway, deployment.namespace
    path = 'jsonpath={range .metadata.managedFields[*]}{.time} {.manager}{"\\n"}{end}'
    yield inspect(
        f"Show who changed Deployment {namespace}/{deployment.name}, and when",
        kubectl("get", "deployment", deployment.name, "-o", path, namespace=namespace),
    )
    if not gateway.configuration:
        yield change(
            f"Set the gateway's StaticGatewayConfiguration with az ({AZ_VERSION})",
            enable_gateway(facts.cluster, gateway.namespace, gateway.name, ""),
            TSG,
        )
        return
    annotation = {"kubernetes.azure.com/static-gateway-configuration": gateway.configuration}
    patch = json.dumps({"spec": {"template": {"metadata": {"annotations": annotation}}}})
    yield from _without_gitops(deployment)
    yield from _new_prefix(facts, deployment)
    yield from resume_rollout(deployment)
    expect = f"every pod names {gateway.configuration}"
    yield from alternatives(
        replace(
            restore_gateway(
                facts,
                f"Set {gateway.configuration} for the gateway again: AKS writes the pod template; replaces its pods, open "
                "connections are closed",
                "writes the pod template with the profile's StaticGatewayConfiguration; replaces the pods, open connections "
                "are closed",
                TSG,
                expect,
            ),
            effect=Effect.DISRUPTS,
        ),
        disrupt(
            f"Patch the annotation in the pod template of {deployment.name}; replaces its pods, open connections are closed",
            kubectl("patch", "deployment", deployment.name, "--type", "merge", "-p", patch, namespace=namespace),
            TSG,
            f"{expect}, until the add-on writes the template again",
        ),
        *_enable_again(facts, expect),
    )


def _without_gitops(deployment: Deployment) -> Iterator[Action]:
    """Exclude the Deployment from the GitOps program that also writes it.

    Source: Flux, "Kustomization", controlling the apply behavior of resources.
    """
    program = gitops_program(deployment)
    if program is None:
        return
    annotate = (
        "annotate",
        "deployment",
        deployment.name,
        "kustomize.toolkit.fluxcd.io/reconcile=disabled",
        "--overwrite",
    )
    yield change(
        f"Exclude {deployment.ref} from {program.name}, which also writes its pod template; remove it from {program.source} "
        "too",
        kubectl(*annotate, namespace=deployment.namespace) if program.name.startswith("Flux ") else "",
        TSG,
        f"only AKS writes {deployment.ref}",
    )


def _new_prefix(facts: Facts, deployment: Deployment) -> Iterator[Action]:
    """Show the prefix that the pods get, which destinations must allow before.

    There is no step if the prefix stays the same, or if the StaticGatewayConfiguration does not exist.
    """
    known = facts.readable(StaticGatewayConfiguration, deployment.namespace)
    by_name = {each.name: each for each in known}
    new, old = by_name.get(facts.gateway.configuration), by_name.get(deployment.template_configuration)
    if new is not None and new != old:
        yield wait_for_prefix(new.namespace, new.name, old.egress_prefix if old is not None else "")


def _enable_again(facts: Facts, expect: str) -> Iterator[Action]:
    """Disable the gateway and enable it again.

    az refuses to enable a gateway with the StaticGatewayConfiguration that it has (docs/domain/azure.md#azure-cli).
    """
    gateway = facts.gateway
    if not (gateway.known and gateway.enabled and gateway.configuration):
        return
    enable = enable_gateway(facts.cluster, gateway.namespace, gateway.name, gateway.configuration)
    yield disrupt(
        f"Disable {gateway.ref} and enable it again with {gateway.configuration}, if the update changes nothing; all open "
        f"connections are closed, and requests fail for some minutes ({AZ_VERSION})",
        f"{disable_gateway(facts.cluster, gateway.namespace, gateway.name)} && {enable}",
        TSG,
        expect,
        undo="nothing to take back: the gateway has the settings of before",
    )


ANNOTATION_FIELD = "metadata.annotations[kubernetes.azure.com/static-gateway-configuration]"


def annotation_evidence(pods: Iterable[Pod], expected: str) -> list[Evidence]:
    """The StaticGatewayConfiguration that each pod names."""
    return [
        Evidence(
            p.ref,
            ANNOTATION_FIELD,
            p.static_gateway_configuration or "(none)",
            expected or "a StaticGatewayConfiguration",
        )
        for p in pods
    ]
