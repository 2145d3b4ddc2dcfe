"""EG301: the gateway's name breaks the rules for such names, or the rules of something that is named after it."""

import re
from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.model.commands import AZ_VERSION, HOWTO, TSG, az_aks, kubectl, look
from checks.model.findings import Action, Effect, Evidence, Observation, Severity, fail, healthy, warn

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
"""The article's expression, to be matched in full."""

_LONGEST = 63
"""The article and the command line; names and label values of Kubernetes end there, too."""

SAFE = 53
"""The how-to's limit: Helm release names end there."""

RULE = "lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit"


@check(
    code="EG301",
    title="The gateway's name is not valid",
    severity=Severity.BLOCKS,
    article=("PROV-3",),
    reads=(Service,),
    explains={
        "deployment-not-available": "an invalid name keeps the add-on from creating the Deployment that is named after it",
        "service-not-provisioned": "an invalid name keeps the add-on from creating the Service that is named after it",
    },
)
def gateway_name_invalid(facts: Facts) -> Iterator[Observation]:
    """What it checks: the gateway's name in Azure's mesh profile. Above 63 characters, or with characters that the
    article's expression refuses, it fails. From 54 characters it warns: the article and the command line allow 63, the
    newer how-to 53. So does a name with a dot or a leading digit, which the expression allows and a Service's name does
    not (a digit: not before Kubernetes relaxed it); such a name fails when there is no Service.

    Why it matters: the add-on names a Helm release, a Deployment (with the revision after it) and a Service after the
    gateway. A name that one of them refuses leaves the gateway half provisioned or not at all.

    What usually fixes it: a new gateway with a short name of letters, digits and dashes; names cannot be changed.

    Source: article, provisioning step 3; AKS how-to "Deploy egress gateways" (53 characters)."""
    gateway = facts.gateway
    name = gateway.name
    if len(name) > _LONGEST:
        yield _failure(
            facts, f"has {len(name)} characters, which is more than {_LONGEST}", f"{_LONGEST} characters or fewer"
        )
        return
    if NAME.fullmatch(name) is None:
        yield _failure(facts, "does not follow the rules for such names", RULE)
        return
    doubtful = "a dot" if "." in name else "a leading digit" if name[0].isdigit() else ""
    if doubtful:
        yield from _service_name(facts, doubtful)
    derived = max((len(each) for each in gateway.deployments), default=0)
    if len(name) > SAFE or derived > _LONGEST:
        yield _long(facts, derived)
    elif not doubtful:
        yield healthy(f"The name {name} is valid ({len(name)} characters).")


def _service_name(facts: Facts, doubtful: str) -> Iterator[Observation]:
    gateway = facts.gateway
    service = f"Service {gateway}"
    evidence = [Evidence(gateway.ref, "name", gateway.name, f"no {doubtful.removeprefix('a ')}, which Services refuse")]
    gap = facts.gap(Service, gateway.namespace)
    if gap is None and facts.get(Service, gateway.name, gateway.namespace) is None:
        yield fail(
            f"The name of {gateway.ref} has {doubtful}, and there is no Service of that name.",
            subject=gateway.ref,
            evidence=[*evidence, Evidence(service, "metadata.name", "(not found)", gateway.name)],
            actions=_actions(facts),
        )
        return
    yield warn(
        f"The name of {gateway.ref} has {doubtful}, which not every Kubernetes version allows in a Service's name.",
        subject=gateway.ref,
        evidence=evidence,
        actions=_actions(facts)[:1],
    )
    if gap is not None:
        # Whether it blocks hangs on the Service: that half stays unknown.
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
            f"{SAFE} or fewer by the how-to ({_LONGEST} by the article)",
        )
    ]
    if derived > _LONGEST:
        longest = max(gateway.deployments, key=len)
        evidence.append(Evidence(f"Deployment {gateway.namespace}/{longest}", "name", f"{derived} characters", "63"))
    return warn(
        f"The name of {gateway.ref} has {len(gateway.name)} characters; what is named after it may get too long.",
        subject=gateway.ref,
        evidence=evidence,
        actions=_actions(facts)[:1],
    )


def _actions(facts: Facts) -> list[Action]:
    gateway = facts.gateway
    disable = az_aks(
        facts.cluster,
        "mesh",
        "disable-egress-gateway",
        "--istio-egressgateway-name",
        gateway.name,
        "--istio-egressgateway-namespace",
        gateway.namespace,
    )
    return [
        look(
            "See what was created under this name",
            kubectl("get", "deployment,service", "-l", f"istio={gateway.name}", namespace=gateway.namespace)
            if NAME.fullmatch(gateway.name) and len(gateway.name) <= _LONGEST
            else kubectl("get", "deployment,service", namespace=gateway.namespace),
            TSG,
        ),
        Action(
            f"Enable a gateway with a valid name, move the routes to it, then disable this one ({AZ_VERSION})",
            disable,
            Effect.DISRUPTS,
            HOWTO,
            "its Deployment and Service disappear",
        ),
    ]
