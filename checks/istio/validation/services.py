"""ServiceEntries and policies that istiod refuses.

Source: Istio, `ValidateServiceEntry`, `ValidateAuthorizationPolicy` and `ValidatePeerAuthentication` in
`pkg/config/validation/validation.go`.
"""

from collections.abc import Iterator

from checks.istio.mesh.objects.hosts import is_address
from checks.istio.validation.host_names import (
    export_flaws,
    host_flaw,
    is_label,
    is_protocol,
    name_flaw,
    port_flaw,
    range_flaw,
)
from checks.model.raw_values import Raw, items, mapping, number, text, texts

_WITH_HOST = frozenset({"http", "http2", "grpc", "grpc-web", "http_proxy", "https", "tls"})
_DYNAMIC = frozenset({"http", "http2", "grpc", "tls"})
_SOURCE_FIELDS = (
    "principals", "requestPrincipals", "namespaces", "ipBlocks", "remoteIpBlocks", "serviceAccounts", "trustDomains",
)  # fmt: skip


def service_entry_flaws(raw: Raw) -> Iterator[str]:
    """Why istiod refuses a ServiceEntry."""
    hosts, endpoints = texts(raw, "spec", "hosts"), items(raw, "spec", "endpoints")
    resolution, addresses = text(raw, "spec", "resolution") or "NONE", texts(raw, "spec", "addresses")
    if mapping(raw, "spec", "workloadSelector") and endpoints:
        yield "spec has both workloadSelector and endpoints"
    if not hosts:
        yield "spec.hosts is empty"
    yield from (
        f"spec.hosts: {flaw}" for each in hosts if (flaw := "* is not allowed" if each == "*" else host_flaw(each))
    )
    yield from (f"spec.addresses: {flaw}" for each in addresses if (flaw := range_flaw(each)))
    if any("/" in each for each in addresses) and resolution not in ("NONE", "STATIC"):
        yield f"spec.addresses has a CIDR, which resolution {resolution} does not allow"
    yield from _port_flaws(raw)
    ports = {text(each, "name") for each in items(raw, "spec", "ports")}
    for each in endpoints:
        unknown = sorted(set(mapping(each, "ports")) - ports)
        yield from (f"spec.endpoints: port {name} is none of spec.ports" for name in unknown)
    yield from _resolution_flaws(raw, resolution, hosts, endpoints)
    protocols = [text(each, "protocol").lower() for each in items(raw, "spec", "ports")]
    if resolution != "NONE" and len(hosts) > 1 and any(each not in _WITH_HOST for each in protocols):
        yield "several hosts have a port that is neither HTTP nor TLS"
    yield from export_flaws(text(raw, "metadata", "namespace"), texts(raw, "spec", "exportTo"), entry=True)


def _port_flaws(raw: Raw) -> Iterator[str]:
    ports = items(raw, "spec", "ports")
    names, numbers = [text(each, "name") for each in ports], [number(each, "number") for each in ports]
    yield from (f"two ports have the name {each}" for each in dict.fromkeys(names) if names.count(each) > 1)
    yield from (f"two ports have the number {each}" for each in dict.fromkeys(numbers) if numbers.count(each) > 1)
    for each in ports:
        if not is_label(text(each, "name")):
            yield f"port name {text(each, 'name')!r} is no label of DNS"
        if (protocol := text(each, "protocol")) and not is_protocol(protocol):
            yield f"protocol {protocol!r} is not known"
        if flaw := port_flaw(number(each, "number")):
            yield flaw


def _resolution_flaws(raw: Raw, resolution: str, hosts: tuple[str, ...], endpoints: tuple[Raw, ...]) -> Iterator[str]:
    addresses = [text(each, "address") for each in endpoints]
    if resolution == "NONE" and endpoints:
        yield "resolution NONE has endpoints"
    elif resolution == "STATIC":
        named = [each for each in addresses if each and not each.startswith("unix://") and not is_address(each)]
        yield from (f"resolution STATIC has the endpoint {each}, which is no IP address" for each in named)
        yield from (
            "an endpoint has no address"
            for each in endpoints
            if not text(each, "address") and not text(each, "network")
        )
    elif resolution in ("DNS", "DNS_ROUND_ROBIN"):
        wrong = next((each for each in hosts if name_flaw(each)), None)
        if not endpoints and wrong is not None:
            yield f"resolution {resolution} without endpoints has host {wrong}, which cannot be resolved"
        if resolution == "DNS_ROUND_ROBIN" and len(endpoints) > 1:
            yield "resolution DNS_ROUND_ROBIN has several endpoints"
        named = [each for each in addresses if not is_address(each) and name_flaw(each)]
        yield from (f"endpoint {each!r} is neither a host nor an IP address" for each in named)
    elif resolution == "DYNAMIC_DNS":
        yield from (
            f"resolution DYNAMIC_DNS has host {each}, which is no wildcard" for each in hosts if "*" not in each
        )
        if endpoints or texts(raw, "spec", "addresses"):
            yield "resolution DYNAMIC_DNS has addresses or endpoints"
        protocols = [text(each, "protocol") for each in items(raw, "spec", "ports")]
        yield from (f"resolution DYNAMIC_DNS has protocol {each}" for each in protocols if each.lower() not in _DYNAMIC)


def authorization_policy_flaws(raw: Raw) -> Iterator[str]:
    """Why istiod refuses an AuthorizationPolicy."""
    action, rules = text(raw, "spec", "action") or "ALLOW", items(raw, "spec", "rules")
    if action in ("DENY", "CUSTOM") and not rules:
        yield f"action {action} has no rules"
    if action == "CUSTOM" and rules and not text(raw, "spec", "provider", "name"):
        yield "action CUSTOM has no provider.name"
    if action != "CUSTOM" and mapping(raw, "spec", "provider"):
        yield f"action {action} has a provider"
    targets = [each for each in ("selector", "targetRef", "targetRefs") if mapping(raw, "spec").get(each)]
    if len(targets) > 1:
        yield f"spec has both {targets[0]} and {targets[1]}"
    for position, rule in enumerate(rules):
        yield from (f"spec.rules[{position}]: {flaw}" for flaw in _rule_flaws(rule, custom=action == "CUSTOM"))


def _rule_flaws(rule: Raw, *, custom: bool) -> Iterator[str]:
    for each in items(rule, "from"):
        source = mapping(each, "source")
        if not any(source.values()):
            yield "from.source is empty"
        if custom:
            peers = [name for name in _SOURCE_FIELDS if "Blocks" not in name]
            yield from (f"action CUSTOM does not support from.source.{name}" for name in peers if source.get(name))
        blocks = [value for name in ("ipBlocks", "notIpBlocks", "remoteIpBlocks") for value in texts(source, name)]
        yield from filter(None, map(range_flaw, blocks))
        yield from _empty_values(source)
    for each in items(rule, "to"):
        operation = mapping(each, "operation")
        if not any(operation.values()):
            yield "to.operation is empty"
        yield from _empty_values(operation)
        ports = (*texts(operation, "ports"), *texts(operation, "notPorts"))
        yield from (f"port {port!r} is not from 1 to 65535" for port in ports if port_flaw(number({"v": port}, "v")))
    yield from _condition_flaws(rule)


def _condition_flaws(rule: Raw) -> Iterator[str]:
    for each in items(rule, "when"):
        if not text(each, "key"):
            yield "when has no key"
        elif not texts(each, "values") and not texts(each, "notValues"):
            yield f"when {text(each, 'key')} has neither values nor notValues"


def _empty_values(owner: Raw) -> Iterator[str]:
    yield from (f"{name} has an empty value" for name in owner if "" in texts(owner, name))


def peer_authentication_flaws(raw: Raw) -> Iterator[str]:
    """Why istiod refuses a PeerAuthentication."""
    ports = mapping(raw, "spec").get("portLevelMtls")
    if ports and not mapping(raw, "spec", "selector", "matchLabels"):
        yield "portLevelMtls needs a selector"
    if isinstance(ports, dict):
        yield from ("portLevelMtls is empty" for _ in range(not ports))
        yield from (f"port {each} is not from 1 to 65535" for each in ports if port_flaw(number({"v": each}, "v")))
