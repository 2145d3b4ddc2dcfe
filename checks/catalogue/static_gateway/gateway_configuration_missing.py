"""EG401: the StaticGatewayConfiguration that the gateway names is not in the gateway's namespace."""

from collections.abc import Iterator
from difflib import get_close_matches

from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.sandbox_errors import sandbox
from checks.model.commands import (
    AZ_VERSION,
    SEGDOC,
    TSG,
    az_aks,
    change,
    disrupt,
    enable_gateway,
    kubectl,
    kubectl_apply,
    look,
)
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, unknown
from checks.static_egress.configuration import annotated_pods
from checks.static_egress.procedures import (
    manifest_head,
    manifest_like,
    other_gateways,
    pool_for,
    pool_note,
    wait_for_prefix,
)

_CRD = "staticgatewayconfigurations.egressgateway.kubernetes.azure.com"


@check(
    code="EG401",
    title="The gateway's StaticGatewayConfiguration does not exist",
    severity=Severity.BLOCKS,
    article=("SEG-1",),
    reads=(StaticGatewayConfiguration, ManagedCluster, AgentPool, Pod),
    explains={
        "pod-network-setup-fails": Because(
            "the network of an annotated pod cannot be set up without its configuration", share="sandbox"
        ),
        "gateway-pods-not-running": Because(
            "gateway pods get no network without their configuration, so they never start", share="sandbox"
        ),
        "deployment-not-available": "no gateway pod starts without the configuration, so none becomes available",
        "annotation-mismatch": "a gateway cannot follow to a configuration that does not exist",
        "gateway-dataplane-not-ready": "gateway nodes serve configurations, and there is none to serve",
    },
)
def gateway_configuration_missing(facts: Facts) -> Iterator[Observation]:
    """What it checks: the gateway's gatewayConfigurationName, and the StaticGatewayConfiguration of that name in the
    gateway's own namespace. One of the same name elsewhere does not count, but is shown.

    Why it matters: a pod uses a configuration of its own namespace only. Without it the gateway's pods wait in
    ContainerCreating.

    What usually fixes it: creating the configuration in the gateway's namespace, or pointing the gateway at one that is
    there.

    Source: article SEG-1; AKS documentation, configure-static-egress-gateway."""
    gateway = facts.gateway
    if not gateway.configuration:
        yield _unnamed(facts)
    elif not facts.installed(StaticGatewayConfiguration):
        yield _not_installed(facts)
    elif configuration := facts.get(StaticGatewayConfiguration, gateway.configuration, gateway.namespace):
        yield healthy(f"{configuration.ref} exists.", evidence=_sharing(facts, configuration))
    else:
        yield _missing(facts)


def _unnamed(facts: Facts) -> Observation:
    gateway = facts.gateway
    if not gateway.from_azure:
        facts.one(ManagedCluster)
        return unknown(
            f"Neither Deployments nor pods of {gateway.ref} name a StaticGatewayConfiguration, and Azure's profile of "
            "the cluster is not there to tell it."
        )
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
        actions=[*_list(), *_create(facts, gateway.name), *_use_another(facts, _here(facts))],
        about=[sandbox("gateway-configuration-missing")],
    )


def _not_installed(facts: Facts) -> Observation:
    cluster = facts.one(ManagedCluster)
    evidence = Evidence("CustomResourceDefinition " + _CRD, "metadata.name", "(not installed)", "installed")
    if cluster is None or cluster.static_egress_enabled:
        on = "although Azure says that the feature is on" if cluster else "and Azure is not looked at"
        return unknown(
            f"The kind StaticGatewayConfiguration is not installed in the cluster, {on}.",
            evidence=[evidence],
            actions=[look("See the cluster's static egress kinds", kubectl("get", "crd", _CRD), SEGDOC)],
        )
    gateway = facts.gateway
    return fail(
        f"StaticGatewayConfiguration {gateway.namespace}/{gateway.configuration} cannot exist, since its kind is not "
        "installed in the cluster.",
        subject=_ref(facts),
        evidence=[evidence],
        actions=[
            look("See the cluster's static egress kinds", kubectl("get", "crd", _CRD), SEGDOC),
            change(
                "Enable the static egress gateway feature",
                az_aks(facts.cluster, "update", "--enable-static-egress-gateway"),
                SEGDOC,
                f"`{kubectl('get', 'crd', _CRD)}` lists the kind after some minutes",
            ),
        ],
        about=[sandbox("gateway-configuration-missing")],
    )


def _missing(facts: Facts) -> Observation:
    gateway, cluster = facts.gateway, facts.cluster
    elsewhere = sorted(_namesakes(facts), key=lambda c: c.namespace)
    here = _here(facts)
    evidence = [Evidence(_ref(facts), "metadata.name", "(not found)", f"in namespace {gateway.namespace}")]
    evidence += [Evidence(c.ref, "metadata.namespace", c.namespace, gateway.namespace) for c in elsewhere]
    if not elsewhere and here:
        near = get_close_matches(gateway.configuration, here, n=1)
        names = ", ".join([*near, *(name for name in here if name not in near)])
        evidence.append(Evidence(f"Namespace {gateway.namespace}", "staticgatewayconfigurations", names))
    where = f" and lies in namespace {', '.join(c.namespace for c in elsewhere)} instead" if elsewhere else ""
    summary = f"{_ref(facts)}, which {gateway.ref} names, does not exist{where}."
    model = elsewhere[0] if elsewhere else None
    return fail(
        summary,
        subject=_ref(facts),
        evidence=evidence,
        actions=[
            *_list(),
            look(
                "See which configuration the gateway names",
                az_aks(cluster, "show", "--query", "serviceMeshProfile.istio.components.egressGateways", "-o", "table"),
                TSG,
            ),
            *_create(facts, gateway.configuration, model),
            *_use_another(facts, here),
        ],
        about=[sandbox("gateway-configuration-missing")],
    )


def _ref(facts: Facts) -> str:
    return f"StaticGatewayConfiguration {facts.gateway.namespace}/{facts.gateway.configuration}"


def _namesakes(facts: Facts) -> list[StaticGatewayConfiguration]:
    index = facts.index(StaticGatewayConfiguration, "name", lambda each: (each.name,))
    return index.get(facts.gateway.configuration, [])


def _here(facts: Facts) -> list[str]:
    found = facts.in_namespace(StaticGatewayConfiguration, facts.gateway.namespace)
    return sorted(each.name for each in found if each.deleted is None)


def _list() -> tuple[Action, ...]:
    command = kubectl("get", "staticgatewayconfigurations", "--all-namespaces")
    return (look("List the configurations of all namespaces", command, SEGDOC),)


def _create(facts: Facts, name: str, model: StaticGatewayConfiguration | None = None) -> tuple[Action, ...]:
    namespace = facts.gateway.namespace
    pool = pool_for(facts, model.pool if model else "")
    copied = f", modelled on {model.namespace}/{model.name}" if model else ""
    lines = manifest_like(model, name, pool, namespace) if model else "\n".join(manifest_head(namespace, name, pool))
    return (
        change(
            f"Create StaticGatewayConfiguration {namespace}/{name}{copied}{pool_note(pool)}",
            kubectl_apply(lines),
            SEGDOC,
            f"`{kubectl('get', 'staticgatewayconfiguration', name, namespace=namespace)}` lists it",
        ),
        wait_for_prefix(namespace, name),
    )


def _use_another(facts: Facts, names: list[str]) -> tuple[Action, ...]:
    gateway = facts.gateway
    if not names:
        return ()
    chosen = (get_close_matches(gateway.configuration, names, n=1, cutoff=0.0) or names)[0]
    return (
        disrupt(
            f"Or point the gateway at {gateway.namespace}/{chosen}, which exists ({AZ_VERSION})",
            enable_gateway(facts.cluster, gateway.namespace, gateway.name, chosen),
            TSG,
            "new gateway pods carry the new annotation and leave from that configuration's range",
        ),
    )


def _sharing(facts: Facts, configuration: StaticGatewayConfiguration) -> tuple[Evidence, ...]:
    """Who else leaves from the same addresses: no fault, but whoever changes the configuration changes them, too."""
    evidence = []
    if others := other_gateways(facts, configuration):
        evidence.append(
            Evidence(
                f"managed cluster {facts.cluster.aks_name}",
                "serviceMeshProfile.istio.components.egressGateways[].gatewayConfigurationName",
                f"{configuration.name} also for {', '.join(others)}",
            )
        )
    if facts.gap(Pod) is None:
        count = sum(1 for _ in annotated_pods(facts, configuration.namespace, configuration.name))
        evidence.append(
            Evidence(
                f"pods of Namespace {configuration.namespace}",
                "metadata.annotations[kubernetes.azure.com/static-gateway-configuration]",
                f"{configuration.name} on {count} pods",
            )
        )
    return tuple(evidence)
