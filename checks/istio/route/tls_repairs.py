"""The smallest change of a DestinationRule (or route) that lets both sides of a hop speak the same TLS."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from checks.facts.changes import Apply, JsonPatch, MergePatch, ObjectWrite
from checks.facts.istio_networking import DestinationRule
from checks.facts.view import Facts
from checks.istio.route.carried import Configuration
from checks.istio.route.corrections import exported_also, manifest, object_name, pointer, removed, replaced
from checks.istio.route.destination_rules import Effective
from checks.istio.route.tls_contract import TlsBreak, TlsFault
from checks.model.raw_values import items, mapping, number

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A hop that does not fit, with what is needed to mend it."""

    facts: Facts
    found: Configuration
    broken: TlsBreak


def repair(facts: Facts, found: Configuration, broken: TlsBreak) -> tuple[ObjectWrite, ...]:
    """What mends this hop; empty where only a person can know."""
    mend = _MENDS.get(broken.fault)
    return mend(Case(facts, found, broken)) if mend else ()


def _without_tls(case: Case) -> tuple[ObjectWrite, ...]:
    tls = case.broken.tls
    return (removed(tls.rule, tls.path),) if tls is not None else ()


def _wanted(case: Case) -> Raw:
    """What a server that ends TLS expects of sidecars."""
    server = case.broken.server
    mode = server.server.tls_mode if server is not None else "ISTIO_MUTUAL"
    return {"mode": mode if mode in ("SIMPLE", "MUTUAL") else "ISTIO_MUTUAL", "sni": case.broken.host}


def _to_server(case: Case) -> tuple[ObjectWrite, ...]:
    """TLS for the gateway's port, in the subset where the route uses one."""
    broken = case.broken
    if broken.tls is not None:
        return (replaced(broken.tls.rule, broken.tls.path, {**broken.tls.raw, **_wanted(case)}),)
    if broken.used is not None:
        return (_set_tls(broken.used, broken.port, broken.subset, _wanted(case)),)
    policy = {"portLevelSettings": [{"port": {"number": broken.port}, "tls": _wanted(case)}]}
    subset = broken.subset
    spec: Raw = {"host": broken.name}
    spec |= {"subsets": [{"name": subset, "trafficPolicy": policy}]} if subset else {"trafficPolicy": policy}
    name = f"egressgateway-for-{object_name(subset or broken.host)}"
    return (Apply(manifest("DestinationRule", name, case.facts.gateway.namespace, spec)),)


def _set_tls(used: Effective, port: int, subset: str, tls: Raw) -> ObjectWrite:
    """TLS for a port, in the policy that counts there: an entry for the port is completed or added."""
    chosen = used.subset(subset) if subset else None
    if chosen is not None:
        rule, policy, path = chosen[0], mapping(chosen[2], "trafficPolicy"), f"spec.subsets[{chosen[1]}].trafficPolicy"
    else:
        rule, policy = used.policy
        path = "spec.trafficPolicy"
    entries = items(policy, "portLevelSettings")
    for index, entry in enumerate(entries):
        if number(entry, "port", "number") == port:
            return replaced(rule, f"{path}.portLevelSettings[{index}].tls", tls)
    added = [*(deepcopy(dict(each)) for each in entries), {"port": {"number": port}, "tls": tls}]
    return replaced(rule, path, {**deepcopy(dict(policy)), "portLevelSettings": added})


def _originate(case: Case) -> tuple[ObjectWrite, ...]:
    """TLS from the gateway to the destination: a rule that has it is made visible or brought where it counts; settings
    that a port entry drops are put into it; else it is added, with the system's authorities."""
    broken, namespace = case.broken, case.facts.gateway.namespace
    tls: Raw = {"mode": "SIMPLE", "sni": broken.name} if not broken.name.startswith("*") else {"mode": "SIMPLE"}
    for other in broken.others:
        if not _has_tls(other):
            continue
        if broken.used is None and other.namespace == namespace and other.workload_selector:
            return (MergePatch(other, {"spec": {"workloadSelector": None}}),)
        owner = broken.leaving.entry.entry.namespace if broken.leaving and broken.leaving.entry else namespace
        if broken.used is None and other.namespace in (namespace, owner):
            return (exported_also(other, [namespace]),)
        if broken.used is None:
            spec = {key: value for key, value in mapping(other.raw, "spec").items() if key != "exportTo"}
            return (Apply(manifest("DestinationRule", other.name, namespace, deepcopy(spec))),)
    if broken.used is not None:
        _, policy = broken.used.policy
        above = mapping(policy, "tls")
        return (_set_tls(broken.used, broken.port, broken.subset, dict(above) if above else tls),)
    spec = {
        "host": broken.name,
        "trafficPolicy": {"portLevelSettings": [{"port": {"number": broken.port}, "tls": {"mode": "SIMPLE"}}]},
    }
    return (Apply(manifest("DestinationRule", f"originate-tls-for-{object_name(broken.name)}"[:63], namespace, spec)),)


def _has_tls(rule: DestinationRule) -> bool:
    policy = rule.traffic_policy
    return bool(mapping(policy, "tls")) or any(mapping(each, "tls") for each in items(policy, "portLevelSettings"))


def _to_tls_port(case: Case) -> tuple[ObjectWrite, ...]:
    """The route to port 443 of the destination, which its ServiceEntry then must have."""
    leaving = case.broken.leaving
    if leaving is None or leaving.entry is None:
        return ()
    route = replaced(leaving.rule.route, f"{leaving.destination.path}.port", {"number": 443})
    if leaving.entry.port(443) is not None:
        return (route,)
    port = {"name": "https-443", "number": 443, "protocol": "HTTPS"}
    return (JsonPatch(leaving.entry.entry, ({"op": "add", "path": "/spec/ports/-", "value": port},)), route)


def _ordinary(case: Case) -> tuple[ObjectWrite, ...]:
    tls = case.broken.tls
    return (replaced(tls.rule, tls.path, {"mode": "SIMPLE"}),) if tls is not None else ()


def _verify(case: Case) -> tuple[ObjectWrite, ...]:
    tls = case.broken.tls
    return (JsonPatch(tls.rule, ({"op": "remove", "path": pointer(f"{tls.path}.insecureSkipVerify")},)),) if tls else ()


def _keep(case: Case) -> tuple[ObjectWrite, ...]:
    """Exported to the gateway's namespace alone; where the rule lies elsewhere, that is for its owner to say."""
    tls = case.broken.tls
    if tls is None or tls.rule.namespace != case.facts.gateway.namespace:
        return ()
    return (MergePatch(tls.rule, {"spec": {"exportTo": ["."]}}),)


_MENDS: dict[TlsFault, Callable[[Case], tuple[ObjectWrite, ...]]] = {
    TlsFault.NOT_TO_PLAIN: _without_tls,
    TlsFault.DOUBLE_AT_SIDECAR: _without_tls,
    TlsFault.DOUBLE_AT_GATEWAY: _without_tls,
    TlsFault.TLS_MISSING: _to_server,
    TlsFault.WRONG_MODE: _to_server,
    TlsFault.NO_SNI: _to_server,
    TlsFault.PLAIN_TO_TLS: _originate,
    TlsFault.TLS_TO_PLAIN: _to_tls_port,
    TlsFault.MESH_TLS_OUTSIDE: _ordinary,
    TlsFault.UNVERIFIED: _verify,
    TlsFault.CREDENTIAL_AT_SIDECARS: _keep,
    TlsFault.DOUBLE_DIRECT: _keep,
}
