"""EG302: the gateway's namespace does not exist or is being deleted."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import Namespace
from checks.facts.network_resources import Subnet
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import HOWTO, TSG, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, unknown
from checks.model.raw_values import text
from checks.static_egress.procedures import create_configuration
from checks.static_egress.restored_gateways import restore_objects


@check(
    code="EG302",
    title="The gateway's namespace cannot be used",
    severity=Severity.BLOCKS,
    article=("PROV-1",),
    reads=(Namespace, AgentPool, Subnet, StaticGatewayConfiguration, ManagedCluster),
    explains={
        "deployment-not-available": "the Deployment belongs in this namespace",
        "service-not-provisioned": "the Service belongs in this namespace",
        "gateway-configuration-missing": "the StaticGatewayConfiguration must be in this namespace",
    },
)
def gateway_namespace_unusable(facts: Facts) -> Iterator[Observation]:
    """What it checks: the namespace that the mesh profile names for the gateway. It fails when the namespace does not
    exist or is being deleted.

    Why it matters: the add-on creates the Deployment and the Service there, and the StaticGatewayConfiguration must be
    in the same namespace. No object can be created in a namespace that is being deleted.

    What usually fixes it: creating the namespace again with all its objects. If the deletion hangs, delete the objects
    that its conditions name. Do not remove finalizers before you know what they wait for.

    Source: article PROV-1."""
    name = facts.gateway.namespace
    namespace = facts.get(Namespace, name)
    if namespace is None:
        yield fail(
            f"Namespace {name} of {facts.gateway.ref} does not exist.",
            subject=f"Namespace {name}",
            evidence=[Evidence(f"Namespace {name}", "metadata.name", "(not found)", name)],
            actions=[*_create(facts), inspect("List the namespaces", kubectl("get", "namespaces"), TSG)],
        )
    elif namespace.phase == "Terminating":
        yield _terminating(facts, namespace)
    elif namespace.phase != "Active":
        phase = namespace.phase or "(not set)"
        yield unknown(
            f"It is not known whether objects can be created in {namespace.ref}: its phase is {phase}.",
            evidence=[Evidence(namespace.ref, "status.phase", phase, "Active")],
            actions=[inspect("Show the namespace", kubectl("get", "namespace", name, "-o", "yaml"), TSG)],
        )
    else:
        yield healthy(f"{namespace.ref} exists and is Active.")


def _create(facts: Facts) -> list[Action]:
    """Create the namespace, then the StaticGatewayConfiguration and the gateway in it."""
    gateway = facts.gateway
    name = gateway.namespace
    return [
        change(
            f"Create namespace {name}",
            kubectl("create", "namespace", name),
            HOWTO,
            f"`{kubectl('get', 'namespace', name)}` lists it",
        ),
        *(create_configuration(facts, gateway.configuration) if gateway.configuration else ()),
        change(
            f"Apply your own manifests of namespace {name}: its labels, and Gateways, VirtualServices, ServiceEntries, "
            "DestinationRules, policies and Secrets",
            f'{kubectl("apply", "-f")} "${{MANIFESTS:?directory of the manifests}}"',
            HOWTO,
            "each object is listed as created or configured. A StaticGatewayConfiguration in them replaces that of the "
            "step before",
            undo=f'{kubectl("delete", "-f")} "${{MANIFESTS:?directory of the manifests}}"',
        ),
        *restore_objects(
            facts,
            "Enable the gateway again; the add-on then creates its Deployment and Service",
            "creates the gateway's Deployment and Service again",
            HOWTO,
            f"`{kubectl('get', 'deployment,service', namespace=name)}` lists the gateway after a few minutes. It has a new "
            "egress IP prefix, which every allow-list needs",
        ),
    ]


def _terminating(facts: Facts, namespace: Namespace) -> Observation:
    name = namespace.name
    remains = [
        Evidence(namespace.ref, f"status.conditions[{text(c, 'type')}]", text(c, "message"))
        for c in namespace.conditions
        if text(c, "status") == "True" and text(c, "message")
    ]
    finalizers = namespace.finalizers
    if finalizers:
        remains.append(Evidence(namespace.ref, "metadata.finalizers", ", ".join(finalizers)))
    return fail(
        f"{namespace.ref} is being deleted.",
        subject=namespace.ref,
        evidence=[Evidence(namespace.ref, "status.phase", namespace.phase, "Active"), *remains],
        actions=[
            Action(
                "Wait until the deletion ends; it needs the gateway node pool",
                kubectl("wait", f"namespace/{name}", "--for=delete", "--timeout=10m"),
                url=TSG,
                expect="the command returns; if it times out, delete the objects that the conditions name",
            ),
            *_create(facts),
            inspect("Show what the deletion waits for", kubectl("get", "namespace", name, "-o", "yaml"), TSG),
            inspect(
                "List the static egress gateway's objects in it",
                kubectl(
                    "get",
                    "staticgatewayconfigurations,gatewaylbconfigurations,gatewayvmconfigurations",
                    namespace=name,
                ),
            ),
        ],
        since=namespace.deleted,
    )
