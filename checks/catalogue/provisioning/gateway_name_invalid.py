"""EG301: the gateway's name, or a name derived from it, is invalid."""

import re
from collections.abc import Iterator
from unicodedata import normalize

from checks.engine.check import check
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.model.commands import (
    AZ_VERSION,
    GATEWAY_NAME,
    HOWTO,
    LONGEST_GATEWAY_NAME,
    TSG,
    az_accepts,
    change,
    disable_gateway,
    enable_gateway,
    inspect,
    kubectl,
)
from checks.model.findings import Action, Effect, Evidence, Observation, Severity, fail, healthy, warn

SAFE = 53
"""The limit of the how-to and of Helm release names."""

RULE = "lowercase letters, digits, '-' and '.'; first and last a letter or digit"


@check(
    code="EG301",
    title="The gateway's name is not valid",
    severity=Severity.BLOCKS,
    article=("PROV-3",),
    reads=(Service,),
    explains={
        "deployment-not-available": "the add-on cannot create a Deployment with an invalid name",
        "service-not-provisioned": "the add-on cannot create a Service with an invalid name",
    },
)
def gateway_name_invalid(facts: Facts) -> Iterator[Observation]:
    """What it checks: the gateway's name in the mesh profile. It fails when the name has more than 63 characters or
    does not match the naming rule of the AKS documentation. It warns from 54 characters: the article and the Azure CLI
    allow 63, the newer how-to 53. It also warns about a dot or a leading digit: the naming rule allows both, but a
    Service's name allows no dot and, in older Kubernetes versions, no leading digit. Such a name fails when the Service
    does not exist.

    Why it matters: the add-on names a Helm release, a Deployment (with the revision as a suffix) and a Service after
    the gateway. If the name is invalid for one of them, the gateway is provisioned in part or not at all.

    What usually fixes it: a new gateway with a short name of letters, digits and hyphens; a gateway cannot be renamed.

    Source: article PROV-3; AKS documentation, "Deploy egress gateways for Istio service mesh add-on for Azure
    Kubernetes Service" (53 characters)."""
    gateway = facts.gateway
    name = gateway.name
    if len(name) > LONGEST_GATEWAY_NAME:
        yield _failure(
            facts,
            f"has {len(name)} characters, more than {LONGEST_GATEWAY_NAME}",
            f"{LONGEST_GATEWAY_NAME} characters or fewer",
        )
        return
    if GATEWAY_NAME.fullmatch(name) is None:
        yield _failure(facts, "does not match the naming rule of the AKS documentation", RULE)
        return
    doubtful = "dot" if "." in name else "leading digit" if name[0].isdigit() else ""
    if doubtful:
        yield from _service_name(facts, doubtful)
    derived = max((len(each) for each in gateway.deployments), default=0)
    if len(name) > SAFE or derived > LONGEST_GATEWAY_NAME:
        yield _long(facts, derived)
    elif not doubtful:
        yield healthy(f"The name {name} is valid ({len(name)} characters).")


def _service_name(facts: Facts, doubtful: str) -> Iterator[Observation]:
    gateway = facts.gateway
    service = f"Service {gateway}"
    evidence = [Evidence(gateway.ref, "name", gateway.name, f"no {doubtful}: not valid in a Service's name")]
    gap = facts.gap(Service, gateway.namespace)
    if gap is None and facts.get(Service, gateway.name, gateway.namespace) is None:
        yield fail(
            f"The name of {gateway.ref} has a {doubtful}, and no Service has that name.",
            subject=gateway.ref,
            evidence=[*evidence, Evidence(service, "metadata.name", "(not found)", gateway.name)],
            actions=_actions(facts),
        )
        return
    yield warn(
        f"The name of {gateway.ref} has a {doubtful}, which not every Kubernetes version allows in a Service's name.",
        subject=gateway.ref,
        evidence=evidence,
        actions=_actions(facts)[-1:],
    )
    if gap is not None:
        # Whether it blocks depends on the Service, so this part is not checked.
        facts.get(Service, gateway.name, gateway.namespace)


def _failure(facts: Facts, what: str, rule: str) -> Observation:
    gateway = facts.gateway
    return fail(
        f"The name of {gateway.ref} {what}.",
        subject=gateway.ref,
        evidence=[Evidence(gateway.ref, "name", gateway.name, rule)],
        actions=_actions(facts),
    )


def _long(facts: Facts, derived: int) -> Observation:
    gateway = facts.gateway
    evidence = [
        Evidence(
            gateway.ref,
            "name",
            f"{len(gateway.name)} characters",
            f"{SAFE} or fewer (the article allows {LONGEST_GATEWAY_NAME})",
        )
    ]
    if derived > LONGEST_GATEWAY_NAME:
        longest = max(gateway.deployments, key=len)
        evidence.append(Evidence(f"Deployment {gateway.namespace}/{longest}", "name", f"{derived} characters", "63"))
    return warn(
        f"The name of {gateway.ref} has {len(gateway.name)} characters; names derived from it may be too long.",
        subject=gateway.ref,
        evidence=evidence,
        actions=_actions(facts)[-1:],
    )


def valid_name(name: str) -> str:
    """The nearest name that is valid for the gateway, its Service and its Deployment."""
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    words = words if words[:1].isalpha() else f"gw-{words}".rstrip("-")
    return words[:SAFE].rstrip("-")


def _actions(facts: Facts) -> list[Action]:
    """Enable a gateway with the nearest valid name, and disable this one.

    A gateway that serves is disabled last.
    """
    gateway = facts.gateway
    disable = disable_gateway(facts.cluster, gateway.namespace, gateway.name)
    version = f" ({AZ_VERSION})" if az_accepts(gateway.name) else ""
    serves = (
        not facts.gap(Service, gateway.namespace) and facts.get(Service, gateway.name, gateway.namespace) is not None
    )
    last = (
        f"Disable {gateway.ref} after its routes have moved; open connections through its pods are closed{version}"
        if serves
        else f"Disable {gateway.ref}, which nothing can use{version}"
    )
    name = valid_name(gateway.name)
    listed = kubectl("get", "deployment,service", namespace=gateway.namespace)
    if az_accepts(gateway.name):
        selector = f"istio={gateway.name}"
        listed = kubectl("get", "deployment,service", "-l", selector, namespace=gateway.namespace)
    enable = change(
        f"Enable a gateway with the valid name {name} ({AZ_VERSION})",
        enable_gateway(facts.cluster, gateway.namespace, name, gateway.configuration),
        HOWTO,
        f"Deployment and Service {name} exist after a few minutes. Gateways then select istio={name}, and VirtualServices "
        f"route to {name}.{gateway.namespace}.svc.cluster.local",
    )
    removed = Action(
        last,
        disable,
        Effect.DISRUPTS if serves else Effect.CHANGES,
        HOWTO,
        "its entry, and its Deployment and Service if they exist, are deleted",
    )
    # Azure validates the whole profile at each update: a name that it refuses would stop the new gateway too.
    changes = [enable, removed] if serves else [removed, enable]
    return [*changes, inspect("List the Deployment and Service of this name", listed, TSG)]
