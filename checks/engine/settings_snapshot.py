"""A gateway's settings at the time of a run, to compare with another run.

They are its egress IP prefix, versions and configuration.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from checks.facts.agent_pools import AgentPool
from checks.facts.egress_gateway import EgressGateway
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.store import FactStore
from checks.model.findings import Evidence
from checks.model.raw_values import mapping
from checks.model.redaction import redact

PREFIX_FIELD = "status.egressIpPrefix"
"""The egress IP prefix: if it changes, allow-lists at destinations must be updated."""

_ROUTES: tuple[type[KubernetesObject], ...] = (Gateway, VirtualService, DestinationRule, ServiceEntry)


def snapshot(store: FactStore, target: EgressGateway) -> tuple[Evidence, ...]:
    """The gateway's settings that could be read, by resource and field.

    A setting that was not read is absent, so that a failed read never looks like a change."""
    return tuple(sorted(_settings(store, target), key=lambda each: (each.resource, each.field)))


def _settings(store: FactStore, target: EgressGateway) -> Iterator[Evidence]:
    profile = next(iter(store.known(ManagedCluster)), None)
    if profile is not None:
        yield Evidence(profile.ref, "serviceMeshProfile.istio.revisions", ", ".join(profile.revisions))
        yield Evidence(profile.ref, "currentKubernetesVersion", profile.kubernetes_version)
        where = f"serviceMeshProfile.istio.components.egressGateways[{target}]"
        yield Evidence(profile.ref, f"{where}.gatewayConfigurationName", target.configuration)
    configuration = store.by_key(StaticGatewayConfiguration, target.namespace, target.configuration)
    if configuration is not None:
        for key, value in sorted(mapping(configuration.raw, "spec").items()):
            yield Evidence(configuration.ref, f"spec.{key}", redact(_written(value)))
        yield Evidence(configuration.ref, PREFIX_FIELD, configuration.egress_prefix)
        for pool in store.known(AgentPool):
            if pool.name.lower() == configuration.pool.lower():
                yield from _pool(pool)
    for kind in _ROUTES:
        for each in store.in_namespace(kind, target.namespace):
            if each.generation is not None:
                yield Evidence(each.ref, "metadata.generation", str(each.generation))


def _pool(pool: AgentPool) -> Iterator[Evidence]:
    if pool.count is not None:
        yield Evidence(pool.ref, "count", str(pool.count))
    if pool.prefix_size is not None:
        yield Evidence(pool.ref, "gatewayProfile.publicIPPrefixSize", str(pool.prefix_size))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
