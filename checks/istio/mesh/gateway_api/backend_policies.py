"""BackendTLSPolicies as DestinationRules: istiod makes one for each host of a target.

They have no creation time, so istiod treats them as older than every other DestinationRule.

Source: Istio `BackendTLSPolicyCollection`, `DestinationRuleCollection` in `kube/gateway/backend_policies.go`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import BackendTLSPolicy
from checks.facts.istio_networking import DestinationRule
from checks.facts.namespaces import ConfigMap
from checks.istio.mesh.gateway_api.gateways import GENERATED
from checks.istio.mesh.gateway_api.references import CONFIG_MAP, SERVICE, SERVICE_ENTRY, GroupKind, normalized
from checks.model.raw_values import Raw, items, mapping, number, text

INVALID = "invalid://"
"""`credentialName` of an authority that does not exist: no connection is opened."""
_IGNORED = "istio.io/ignore-policy-attachment"


class BackendPolicyRule(DestinationRule):
    """The DestinationRule that istiod makes of BackendTLSPolicies."""

    __slots__ = ("source",)

    def __init__(self, raw: Raw, source: BackendTLSPolicy) -> None:
        super().__init__(raw)
        self.source: KubernetesObject = source

    @property
    def ref(self) -> str:
        return self.source.ref


@dataclass(frozen=True, slots=True)
class Backends:
    """The targets of policies, by namespace and name: the hosts and the ports by name."""

    services: Mapping[tuple[str, str], tuple[tuple[str, ...], Mapping[str, int]]]
    entries: Mapping[tuple[str, str], tuple[tuple[str, ...], Mapping[str, int]]]
    config_maps: Mapping[tuple[str, str], ConfigMap]

    def find(self, kind: GroupKind, namespace: str, name: str) -> tuple[tuple[str, ...], Mapping[str, int]] | None:
        """The hosts and ports of a target; None if it does not exist."""
        known = self.services if kind == SERVICE else self.entries if kind == SERVICE_ENTRY else {}
        return known.get((namespace, name))


@dataclass(frozen=True, slots=True)
class _Setting:
    """TLS settings for one host of a target; `port` is 0 for all ports."""

    policy: BackendTLSPolicy
    target: GroupKind
    name: str
    host: str
    port: int
    tls: dict[str, Any]


def filled(written: Raw, policy: Raw) -> dict[str, Any]:
    """A traffic policy, completed by the settings of a BackendTLSPolicy that it lacks.

    Source: Istio `mergeBackendPolicyTrafficPolicy`.
    """
    merged = {**policy, **{key: value for key, value in written.items() if value is not None}}
    ports = [dict(each) for each in items(written, "portLevelSettings")]
    known = {number(each, "port", "number"): each for each in ports}
    for more in items(policy, "portLevelSettings"):
        present = known.get(number(more, "port", "number"))
        if present is None:
            ports.append(dict(more))
        elif present.get("tls") is None:
            present["tls"] = more["tls"]
    return {**merged, "portLevelSettings": ports} if ports else merged


def destination_rules(policies: Iterable[BackendTLSPolicy], backends: Backends) -> Iterator[DestinationRule]:
    """The DestinationRules of all policies.

    If several policies set the same field, the oldest one applies.
    """
    kept = sorted((each for each in policies if each.annotations.get(_IGNORED, "").lower() != "true"), key=_age)
    by_host: dict[tuple[str, GroupKind, str, str], list[_Setting]] = {}
    taken: set[tuple[str, GroupKind, str, str]] = set()
    for policy in kept:
        mine = set()
        for target in items(policy.raw, "spec", "targetRefs"):
            kind, name = normalized(target, SERVICE), text(target, "name")
            key = (policy.namespace, kind, name, text(target, "sectionName"))
            mine.add(key)
            for each in _settings(policy, target, backends) if key not in taken else ():
                by_host.setdefault((policy.namespace, kind, name, each.host), []).append(each)
        taken |= mine
    for found in by_host.values():
        yield _rule(found)


def _age(policy: BackendTLSPolicy) -> tuple[str, str, str]:
    return text(policy.raw, "metadata", "creationTimestamp"), policy.namespace, policy.name


def _settings(policy: BackendTLSPolicy, target: Raw, backends: Backends) -> Iterator[_Setting]:
    kind, name, section = normalized(target, SERVICE), text(target, "name"), text(target, "sectionName")
    found = backends.find(kind, policy.namespace, name)
    if found is None or (section and section not in found[1]):
        return
    for host in found[0]:
        yield _Setting(policy, kind, name, host, found[1][section] if section else 0, _tls(policy, backends))


def _tls(policy: BackendTLSPolicy, backends: Backends) -> dict[str, Any]:
    validation = mapping(policy.raw, "spec", "validation")
    names = [
        text(each, "hostname") if text(each, "type") == "Hostname" else text(each, "uri")
        for each in items(validation, "subjectAltNames")
    ]
    tls: dict[str, Any] = {"mode": "SIMPLE", "sni": text(validation, "hostname"), "subjectAltNames": names}
    references = items(validation, "caCertificateRefs")
    if not text(validation, "wellKnownCACertificates") and references:
        tls["credentialName"] = _authority(policy.namespace, references[0], backends)
    return tls


def _authority(namespace: str, reference: Raw, backends: Backends) -> str:
    """The ConfigMap with the authority's certificate: `getBackendTLSCredentialName`."""
    name = text(reference, "name")
    known = backends.config_maps.get((namespace, name)) if normalized(reference, CONFIG_MAP) == CONFIG_MAP else None
    certificates = {"ca.crt", "cacert"} & set(known.data) if known is not None else set()
    return f"configmap://{namespace}/{name}" if certificates else INVALID


def _rule(settings: Sequence[_Setting]) -> BackendPolicyRule:
    first = settings[0]
    policy: dict[str, Any] = {}
    ports: dict[int, dict[str, Any]] = {}
    for each in settings:
        if each.port:
            ports.setdefault(each.port, {"port": {"number": each.port}, "tls": each.tls})
        else:
            policy.setdefault("tls", each.tls)
    if ports:
        policy["portLevelSettings"] = list(ports.values())
    host = f"~{first.host.replace('.', '-')}" if first.target == SERVICE_ENTRY else ""
    metadata = {"name": f"{first.name}{host}~{GENERATED}", "namespace": first.policy.namespace}
    return BackendPolicyRule(
        {"metadata": metadata, "spec": {"host": first.host, "trafficPolicy": policy}}, first.policy
    )
