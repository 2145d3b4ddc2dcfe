"""The ServiceEntries and DestinationRules for a host, of those that could be read."""

from collections.abc import Iterator

from checks.facts.fact import Fact
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.namespaces import ConfigMap, Namespace
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.mesh.host_index import HostIndex
from checks.istio.mesh.objects.hosts import is_subset, qualified

HOST_OBJECT_READS: tuple[type[Fact], ...] = (
    *(Gateway, VirtualService, Pod, Deployment, ConfigMap, Namespace),
    *(Service, ServiceEntry, DestinationRule),
)
"""The kinds that name the hosts of a gateway, and those for a host."""


def objects_for_host(facts: Facts, host: str) -> Iterator[ServiceEntry | DestinationRule]:
    """The ServiceEntries and DestinationRules whose host contains this one."""
    entries: HostIndex[ServiceEntry] = facts.once("ServiceEntries by host", _entries)
    rules: HostIndex[DestinationRule] = facts.once("DestinationRules by host", _rules)
    for entry in entries.overlapping(host):
        if any(is_subset(host, each.lower()) for each in entry.hosts):
            yield entry
    for rule in rules.overlapping(host):
        if is_subset(host, qualified(rule.host, rule.namespace).lower()):
            yield rule


def _entries(facts: Facts) -> HostIndex[ServiceEntry]:
    return HostIndex((each, [host.lower() for host in each.hosts]) for each in facts.readable(ServiceEntry))


def _rules(facts: Facts) -> HostIndex[DestinationRule]:
    return HostIndex((each, [qualified(each.host, each.namespace).lower()]) for each in facts.readable(DestinationRule))
