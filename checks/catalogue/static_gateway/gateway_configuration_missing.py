"""EG401: the StaticGatewayConfiguration that the gateway names does not exist.

The gateway's namespace has none of this name.
"""

from collections.abc import Iterator
from difflib import get_close_matches

from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import Subnet
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.sandbox_errors import sandbox
from checks.model.commands import (
    SEGDOC,
    TSG,
    az_aks,
    change,
    inspect,
    kubectl,
)
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, unknown
from checks.static_egress.configuration_users import configuration_users
from checks.static_egress.other_configurations import list_configurations, names_in_namespace, namesakes
from checks.static_egress.procedures import create_configuration, restart_started, use_existing_configuration

_CRD = "staticgatewayconfigurations.egressgateway.kubernetes.azure.com"


@check(
    code="EG401",
    title="The gateway's StaticGatewayConfiguration does not exist",
    severity=Severity.BLOCKS,
    article=("SEG-1",),
    partly=("PRE-2",),
    reads=(StaticGatewayConfiguration, ManagedCluster, AgentPool, Subnet, Pod),
    explains={
        "pod-network-setup-fails": Because(
            "the network of an annotated pod is set up from its StaticGatewayConfiguration", share="sandbox"
        ),
        "gateway-pods-not-running": Because(
            "gateway pods get no network without their StaticGatewayConfiguration, so they never start", share="sandbox"
        ),
        "deployment-not-available": "no gateway pod starts without the StaticGatewayConfiguration, so none becomes available",
        "annotation-mismatch": "AKS does not point a gateway at a StaticGatewayConfiguration that does not exist",
        "gateway-dataplane-not-ready": "gateway nodes serve a StaticGatewayConfiguration, and this one does not exist",
        "traffic-failing": "no gateway node serves a StaticGatewayConfiguration that does not exist",
    },
)
def gateway_configuration_missing(facts: Facts) -> Iterator[Observation]:
    """What it checks: the gateway's gatewayConfigurationName, and the StaticGatewayConfiguration of that name in the
    gateway's own namespace. An SGC of the same name in another namespace does not count, but is shown.

    Why it matters: a pod can use only an SGC of its own namespace. Without it the gateway's pods wait in
    ContainerCreating.

    What usually fixes it: creating the SGC in the gateway's namespace, or pointing the gateway at an existing one.

    Source: article SEG-1; AKS documentation, "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)"."""
    gateway = facts.gateway
    if not gateway.configuration:
        yield _unnamed(facts)
    elif not facts.installed(StaticGatewayConfiguration):
        yield _not_installed(facts)
    elif configuration := facts.get(StaticGatewayConfiguration, gateway.configuration, gateway.namespace):
        facts.require_profile()  # it may name another one than the Deployments
        users = configuration_users(facts, configuration)
        facts.disregard(Pod)  # they only show who else uses it
        yield healthy(f"{configuration.ref} exists.", evidence=users)
    else:
        yield _missing(facts)


def _unnamed(facts: Facts) -> Observation:
    gateway = facts.gateway
    if not gateway.from_azure:
        facts.one(ManagedCluster)
        return unknown(
            f"No StaticGatewayConfiguration is named by the Deployments or pods of {gateway.ref}. Not compared with "
            "the mesh profile: reading Azure is not configured."
        )
    here = names_in_namespace(facts)
    return fail(
        f"Egress gateway {gateway} names no StaticGatewayConfiguration.",
        subject=gateway.ref,
        evidence=[
            Evidence(
                f"managed cluster {facts.cluster.aks_name}",
                f"serviceMeshProfile.istio.components.egressGateways[{gateway.name}].gatewayConfigurationName",
                "(empty)",
                "the name of a StaticGatewayConfiguration",
            )
        ],
        actions=[
            list_configurations(),
            *(() if here else create_configuration(facts, gateway.name)),
            *use_existing_configuration(facts, here or [gateway.name]),
        ],
        about=[sandbox(gateway_configuration_missing.slug)],
    )


def _not_installed(facts: Facts) -> Observation:
    cluster = facts.one(ManagedCluster)
    evidence = Evidence("CustomResourceDefinition " + _CRD, "metadata.name", "(not installed)", "installed")
    if cluster is None or cluster.static_egress_enabled:
        azure = "although Azure reports the feature as enabled" if cluster else "and reading Azure is not configured"
        return unknown(
            f"The StaticGatewayConfiguration CRD is not installed in the cluster, {azure}.",
            evidence=[evidence],
            actions=[inspect("Show the StaticGatewayConfiguration CRD", kubectl("get", "crd", _CRD), SEGDOC)],
        )
    gateway = facts.gateway
    return fail(
        f"StaticGatewayConfiguration {gateway.namespace}/{gateway.configuration} cannot exist: its CRD is not installed.",
        subject=_ref(facts),
        evidence=[evidence],
        actions=[
            inspect("Show the StaticGatewayConfiguration CRD", kubectl("get", "crd", _CRD), SEGDOC),
            change(
                "Enable the static egress gateway feature",
                az_aks(facts.cluster, "update", "--enable-static-egress-gateway"),
                SEGDOC,
                f"`{kubectl('get', 'crd', _CRD)}` lists the CRD within some minutes",
            ),
            *create_configuration(facts, gateway.configuration),
            *restart_started(facts, gateway.namespace, gateway.deployments),
        ],
        about=[sandbox(gateway_configuration_missing.slug)],
    )


def _missing(facts: Facts) -> Observation:
    gateway, cluster = facts.gateway, facts.cluster
    elsewhere = sorted(namesakes(facts), key=lambda c: c.namespace)
    here = names_in_namespace(facts)
    evidence = [Evidence(_ref(facts), "metadata.name", "(not found)", f"in namespace {gateway.namespace}")]
    evidence += [Evidence(c.ref, "metadata.namespace", c.namespace, gateway.namespace) for c in elsewhere]
    if not elsewhere and here:
        near = get_close_matches(gateway.configuration, here, n=1)
        names = ", ".join([*near, *(name for name in here if name not in near)])
        evidence.append(Evidence(f"Namespace {gateway.namespace}", "staticgatewayconfigurations", names))
    where = f"; one of that name is in namespace {', '.join(c.namespace for c in elsewhere)}" if elsewhere else ""
    summary = f"{_ref(facts)} does not exist; {gateway.ref} uses it{where}."
    model = elsewhere[0] if elsewhere else None
    return fail(
        summary,
        subject=_ref(facts),
        evidence=evidence,
        actions=[
            list_configurations(),
            inspect(
                "Show which StaticGatewayConfiguration each egress gateway names",
                az_aks(cluster, "show", "--query", "serviceMeshProfile.istio.components.egressGateways", "-o", "table"),
                TSG,
            ),
            *_fixes(facts, here, model),
        ],
        about=[sandbox(gateway_configuration_missing.slug)],
    )


def _fixes(facts: Facts, here: list[str], model: StaticGatewayConfiguration | None) -> tuple[Action, ...]:
    """Use the StaticGatewayConfiguration with nearly the same name; without one, create it."""
    gateway = facts.gateway
    if model is None and (near := get_close_matches(gateway.configuration, here, n=1)):
        return use_existing_configuration(facts, near)
    restarts = restart_started(facts, gateway.namespace, gateway.deployments)
    return (*create_configuration(facts, gateway.configuration, model, used=not restarts), *restarts)


def _ref(facts: Facts) -> str:
    return f"StaticGatewayConfiguration {facts.gateway.namespace}/{facts.gateway.configuration}"
