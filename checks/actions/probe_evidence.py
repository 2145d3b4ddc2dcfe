"""The result of a probe as an observation of EG413 or EG414."""

from collections.abc import Collection, Sequence

from checks.actions.plan import ActionKind
from checks.actions.results import is_in_prefix, probe_sentence
from checks.azure.nat_gateways import nat_gateway
from checks.azure.outbound_addresses import compare_with_outbound, meaning_of_other_address, outbound_evidence
from checks.facts.agent_pools import AgentPool
from checks.facts.fact import Fact
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import Subnet
from checks.facts.probes import ProbeOutcome, ProbeResult
from checks.facts.public_addresses import NatGateway, PublicIPAddress, PublicIPPrefix
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.findings import Action, Evidence, Observation, fail, healthy, skip
from checks.static_egress.probe_results import UnusedProbe, newest_probe

PROBE_READS: tuple[type[Fact], ...] = (
    StaticGatewayConfiguration,
    ManagedCluster,
    AgentPool,
    Subnet,
    NatGateway,
    PublicIPAddress,
    PublicIPPrefix,
    ProbeResult,
)
"""The kinds that explain the result of a probe."""


def probe_observation(
    facts: Facts,
    kind: ActionKind,
    to_repeat: Sequence[Action],
    to_fix: Sequence[Action],
    pods: Collection[str] | None = None,
) -> Observation | None:
    """The observation of the newest probe of this kind, None if there is none.

    Requires PROBE_READS declared. A probe that says nothing about the gateway, for example because its image could not
    be pulled, does not decide the check, and neither does one about another StaticGatewayConfiguration or prefix.
    """
    result = newest_probe(facts, kind.value, pods)
    if result is None:
        return None
    if isinstance(result, UnusedProbe):
        return skip(result.sentence, actions=tuple(to_repeat))
    gateway = facts.gateway
    configuration = facts.get(StaticGatewayConfiguration, gateway.configuration, gateway.namespace)
    prefix = configuration.egress_prefix if configuration is not None else ""
    summary = probe_sentence(result, prefix)
    if result.outcome is None or not result.outcome.about_egress:
        return skip(f"The last probe decides nothing. {summary}", actions=tuple(to_repeat))
    if result.outcome is ProbeOutcome.ANSWERED and not prefix:
        return skip(summary, actions=tuple(to_repeat))
    evidence = _evidence(result, prefix)
    if result.addresses and all(is_in_prefix(each, prefix) for each in result.addresses):
        return healthy(summary, evidence=[evidence])
    other = tuple(each for each in result.addresses if not is_in_prefix(each, prefix))
    attached = nat_gateway(facts, configuration) if configuration is not None and other else None
    if attached is not None and any(attached.has(each) for each in other):
        return fail(
            f"{summary} It is {attached.seen}, which {attached.reason}.",
            subject=gateway.ref,
            evidence=[evidence, attached.evidence, *attached.address_evidence()],
            actions=attached.actions(prefix),
        )
    return fail(
        summary + (meaning_of_other_address(facts, other) if other else ""),
        subject=gateway.ref,
        evidence=[evidence, *outbound_evidence(facts, other)],
        actions=(*compare_with_outbound(facts, other), *to_fix),
    )


def _evidence(result: ProbeResult, prefix: str) -> Evidence:
    observed = ", ".join(result.addresses) or str(result.outcome)
    expected = f"an address of {prefix}" if prefix else "an address of the egress IP prefix"
    return Evidence(f"probe pod {result.key[0]}/{result.pod or 'none'}", "source IP address", observed, expected)
