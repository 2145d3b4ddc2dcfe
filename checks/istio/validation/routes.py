"""VirtualServices and DestinationRules that istiod refuses.

Source: Istio, `ValidateVirtualService`, `validateHTTPRouteConflict` and `ValidateDestinationRule` in `pkg/config/validation`.
"""

from collections.abc import Iterable, Iterator

from checks.istio.mesh.objects.hosts import is_address, is_subset
from checks.istio.validation.host_names import (
    export_flaws,
    host_flaw,
    is_label,
    name_flaw,
    port_flaw,
    range_flaw,
)
from checks.model.raw_values import Raw, flag, items, mapping, number, text, texts


def virtual_service_flaws(raw: Raw) -> Iterator[str]:
    """Why istiod refuses a VirtualService."""
    hosts, gateways = texts(raw, "spec", "hosts"), texts(raw, "spec", "gateways")
    rules = {kind: items(raw, "spec", kind) for kind in ("http", "tls", "tcp")}
    if not hosts and (gateways or rules["tls"] or rules["tcp"]):
        yield "spec.hosts is empty, and it has gateways, tls or tcp, which a delegate cannot have"
    yield from _gateway_flaws(gateways, "spec.gateways")
    at_gateway = bool(gateways) and "mesh" not in gateways
    wrong = [f"spec.hosts: {flaw}" for each in hosts if not is_address(each) and (flaw := host_flaw(each))]
    yield from wrong
    if "*" in hosts and not at_gateway:
        yield "spec.hosts: * is only for rules that are bound to a Gateway"
    elif not wrong:
        yield from _repeated_hosts(hosts)
    if not any(rules.values()):
        yield "spec has neither http nor tls nor tcp"
    for position, rule in enumerate(rules["http"]):
        yield from (f"spec.http[{position}]: {flaw}" for flaw in _http_flaws(rule, delegate=not hosts))
    for position, rule in enumerate(rules["tls"]):
        yield from (f"spec.tls[{position}]: {flaw}" for flaw in _tls_flaws(rule, hosts))
    for position, rule in enumerate(rules["tcp"]):
        if not items(rule, "route"):
            yield f"spec.tcp[{position}]: route is empty"
        flaws = (*_match_flaws(rule), *_destination_flaws(rule))
        yield from (f"spec.tcp[{position}]: {flaw}" for flaw in flaws)
    yield from export_flaws(text(raw, "metadata", "namespace"), texts(raw, "spec", "exportTo"))


def _gateway_flaws(names: Iterable[str], where: str) -> Iterator[str]:
    """The flaws of names of Gateways.

    istiod checks none after a name without a namespace.
    """
    for name in names:
        namespace, slash, own = name.partition("/")
        if not slash:
            if flaw := name_flaw(name):
                yield f"{where}: {flaw}"
            return
        if not is_label(namespace) or not is_label(own):
            yield f"{where}: {name!r} is not of the form NAMESPACE/NAME"


def _repeated_hosts(hosts: tuple[str, ...]) -> Iterator[str]:
    for position, one in enumerate(hosts):
        for other in hosts[position + 1 :]:
            if is_subset(one, other) or is_subset(other, one):
                yield f"spec.hosts: {one} and {other} are the same hosts"


def _http_flaws(rule: Raw, *, delegate: bool) -> Iterator[str]:
    actions = [each for each in ("route", "redirect", "directResponse") if rule.get(each)]
    if rule.get("delegate") and not delegate:
        yield from (f"it has both delegate and {each}" for each in actions if each != "directResponse")
    elif rule.get("delegate"):
        yield "a delegate has no delegate"
    elif not actions:
        yield "it has neither route nor redirect nor directResponse"
    elif len(actions) > 1:
        yield f"it has both {actions[0]} and {actions[1]}"
    elif actions != ["route"]:
        yield from (f"it has both {actions[0]} and {each}" for each in ("fault", "rewrite") if rule.get(each))
    yield from _match_flaws(rule)
    yield from _destination_flaws(rule)


def _match_flaws(rule: Raw) -> Iterator[str]:
    for match in items(rule, "match"):
        port = number(match, "port")
        if port and (flaw := port_flaw(port)):
            yield f"match: {flaw}"
        yield from _gateway_flaws(texts(match, "gateways"), "match.gateways")
        subnets = texts(match, "destinationSubnets")
        yield from (f"match.destinationSubnets: {flaw}" for each in subnets if (flaw := range_flaw(each)))


def _tls_flaws(rule: Raw, hosts: tuple[str, ...]) -> Iterator[str]:
    matches = items(rule, "match")
    if not matches:
        yield "match is empty"
    for match in matches:
        names = texts(match, "sniHosts")
        if not names:
            yield "match has no sniHosts"
        for each in names:
            if is_address(each):
                continue
            if flaw := host_flaw(each):
                yield flaw
            elif not any(is_subset(each, host) for host in hosts):
                yield f"sniHosts {each} is none of spec.hosts"
    yield from _match_flaws(rule)
    if not items(rule, "route"):
        yield "route is empty"
    yield from _destination_flaws(rule)


def _destination_flaws(rule: Raw) -> Iterator[str]:
    routes = items(rule, "route")
    for each in routes:
        to = mapping(each, "destination")
        if not to:
            yield "a route has no destination"
            continue
        host = text(to, "host")
        flaw = f"destination {host!r} is no host" if host == "*" else host_flaw(host)
        if flaw:
            yield flaw
        if (subset := text(to, "subset")) and not is_label(subset):
            yield f"subset {subset!r} is no name"
        if "port" in to and (flaw := port_flaw(number(to, "port", "number"))):
            yield f"destination {flaw}"
        if (number(each, "weight") or 0) < 0:
            yield "a weight is negative"
    if len(routes) > 1 and not sum(number(each, "weight") or 0 for each in routes):
        yield "the sum of the weights is 0"


def destination_rule_flaws(raw: Raw) -> Iterator[str]:
    """Why istiod refuses a DestinationRule."""
    if flaw := host_flaw(text(raw, "spec", "host")):
        yield f"spec.host: {flaw}"
    yield from _policy_flaws(mapping(raw, "spec"), "spec")
    names = [text(each, "name") for each in items(raw, "spec", "subsets")]
    yield from (f"two subsets have the name {each}" for each in dict.fromkeys(names) if names.count(each) > 1)
    for position, subset in enumerate(items(raw, "spec", "subsets")):
        if not is_label(text(subset, "name")):
            yield f"spec.subsets[{position}].name {text(subset, 'name')!r} is no name"
        yield from _policy_flaws(subset, f"spec.subsets[{position}]")
    yield from export_flaws(text(raw, "metadata", "namespace"), texts(raw, "spec", "exportTo"))


def _policy_flaws(owner: Raw, where: str) -> Iterator[str]:
    policy = owner.get("trafficPolicy")
    if not isinstance(policy, dict):
        return
    if not any(value not in (None, []) for value in policy.values()):
        yield f"{where}.trafficPolicy is empty"
    yield from (f"{where}.trafficPolicy: {flaw}" for flaw in _client_tls_flaws(mapping(policy, "tls")))
    for each in items(policy, "portLevelSettings"):
        at = f"{where}.trafficPolicy.portLevelSettings"
        if each.get("port") is None:
            yield f"{at}: port is missing"
        if not set(each) - {"port"}:
            yield f"{at}: no setting for port {number(each, 'port', 'number')}"
        yield from (f"{at}: {flaw}" for flaw in _client_tls_flaws(mapping(each, "tls")))


def _client_tls_flaws(tls: Raw) -> Iterator[str]:
    mode, credential = text(tls, "mode"), text(tls, "credentialName")
    if flag(tls, "insecureSkipVerify") and mode in ("SIMPLE", "MUTUAL"):
        checked = [each for each in ("caCertificates", "subjectAltNames") if tls.get(each)]
        checked += ["credentialName"] if credential and mode == "SIMPLE" else []
        if checked:
            yield f"tls has both insecureSkipVerify and {checked[0]}"
    if mode in ("SIMPLE", "MUTUAL") and credential:
        files = [each for each in ("clientCertificate", "caCertificates", "privateKey", "caCrl") if text(tls, each)]
        if files:
            yield f"tls has both credentialName and {files[0]}"
    elif mode == "MUTUAL":
        yield from (
            f"tls.mode MUTUAL needs {each}" for each in ("clientCertificate", "privateKey") if not text(tls, each)
        )
