"""Which other gateways and pods use a StaticGatewayConfiguration."""

from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.findings import Evidence
from checks.static_egress.gateway_configuration import annotated_pods
from checks.static_egress.procedures import other_gateways


def configuration_users(facts: Facts, configuration: StaticGatewayConfiguration) -> tuple[Evidence, ...]:
    """The other users of the same addresses.

    They are no fault, but a change of the StaticGatewayConfiguration affects them too.
    """
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
