"""Changes of VirtualServices.

They concern hosts, gateways, visibility, rules of each kind, their conditions and actions, and rivals.
"""

from __future__ import annotations

import copy
from typing import Any

from tests.istiod.meshes.draft import API, NAMESPACE, OTHER, PAY, SERVICE, WILDCARD, Change, Draft, Json, changes

_HTTP_CONDITIONS: dict[str, list[Any]] = {
    "uri": [
        {"prefix": "/"},
        {"prefix": "/v1"},
        {"exact": "/"},
        {"exact": "/v1"},
        {"regex": "/.*"},
        {"regex": "/v[0-9]+"},
    ],
    "headers": [
        {"x-team": {"exact": "a"}},
        {"x-team": {}},
        {"user-agent": {"regex": ".*"}},
        {":path": {"prefix": "/"}},
    ],
    "withoutHeaders": [{"x-team": {"exact": "a"}}, {"x-team": {}}],
    "queryParams": [{"q": {"exact": "1"}}, {"q": {"regex": ".*"}}],
    "method": [{"exact": "GET"}, {"exact": "POST"}, {"regex": "GET|HEAD"}],
    "scheme": [{"exact": "http"}, {"exact": "https"}],
    "authority": [{"exact": API}, {"prefix": "api."}, {"regex": ".*"}, {"exact": OTHER}],
    "port": [80, 443, 8080],
    "gateways": [["mesh"], ["bank-gw"], ["mesh", "bank-gw"], [f"{NAMESPACE}/bank-gw"], ["absent"]],
    "sourceLabels": [{"app": "web"}, {"app": "nothing"}],
    "sourceNamespace": ["team-a", "team-b", "nowhere"],
    "ignoreUriCase": [True],
    "name": ["first"],
    "statPrefix": ["bank"],
}
_L4_CONDITIONS: dict[str, list[Any]] = {
    "port": [443, 5432, 80, 8443],
    "gateways": [["mesh"], ["bank-gw"], ["mesh", "bank-gw"], ["absent"]],
    "sourceLabels": [{"app": "web"}, {"app": "nothing"}],
    "sourceNamespace": ["team-a", "team-b", "nowhere"],
    "destinationSubnets": [["198.51.100.0/24"], ["10.0.0.0/8"], ["203.0.113.77/32"]],
}
_SNI = [[API], [WILDCARD], [API, PAY], [PAY], ["*"]]
_HTTP_ACTIONS: dict[str, list[Any]] = {
    "redirect": [
        {"uri": "/moved"},
        {"authority": OTHER, "redirectCode": 302},
        {"scheme": "https"},
        {"port": 8443},
        {"derivePort": "FROM_REQUEST_PORT"},
    ],
    "directResponse": [{"status": 503}, {"status": 200, "body": {"string": "ok"}}],
    "rewrite": [
        {"uri": "/v2"},
        {"authority": OTHER},
        {"authority": API},
        {"uri": "/x", "authority": PAY},
        {"uriRegexRewrite": {"match": "^/v([0-9]+)", "rewrite": "/api/\\1"}},
    ],
    "fault": [
        {"abort": {"httpStatus": 503, "percentage": {"value": 100}}},
        {"abort": {"httpStatus": 418, "percentage": {"value": 30}}},
        {"abort": {"httpStatus": 500, "percentage": {"value": 0}}},
        {"abort": {"grpcStatus": "UNAVAILABLE", "percentage": {"value": 100}}},
        {"delay": {"fixedDelay": "1s", "percentage": {"value": 100}}},
    ],
    "timeout": ["5s", "0s"],
    "retries": [{"attempts": 0}, {"attempts": 3, "retryOn": "5xx"}],
    "mirror": [{"host": OTHER}],
    "mirrors": [[{"destination": {"host": PAY, "port": {"number": 80}}, "percentage": {"value": 50}}]],
    "headers": [
        {"request": {"set": {"x-team": "a"}}},
        {"request": {"set": {"host": OTHER}}},
        {"request": {"remove": ["x-team"]}},
        {"request": {"set": {":authority": PAY}}},
        {"request": {"add": {"x-team": "b"}}},
    ],
    "corsPolicy": [{"allowOrigins": [{"exact": "https://a.example"}]}],
}
_DESTINATIONS: dict[str, list[Any]] = {
    "host": [SERVICE, "egw", f"egw.{NAMESPACE}", API, OTHER, PAY, f"absent.{NAMESPACE}.svc.cluster.local"],
    "port": [{"number": 80}, {"number": 443}, {"number": 8443}, {"number": 15021}, None],
    "subset": ["bank", "absent", None],
}


def _rules(draft: Draft, kind: str) -> list[tuple[Json, Json]]:
    return [(each, rule) for each in draft.found("VirtualService") for rule in each["spec"].get(kind) or ()]


def _requests(draft: Draft, field: str) -> None:
    """Requests that meet the condition, and some that do not."""
    match field:
        case "uri" | "ignoreUriCase":
            draft.paths += ["/v1", "/v12", "/V1", "/"]
        case "headers" | "withoutHeaders":
            draft.headers += [("x-team", "a"), ("x-team", "b"), ("user-agent", "curl")]
        case "queryParams":
            draft.paths += ["/?q=1", "/?q=2", "/?q"]
        case "method":
            draft.methods += ["POST", "HEAD", "DELETE"]
        case _:
            pass


def _condition(kind: str, field: str, values: list[Any]) -> Change:
    def change(draft: Draft) -> bool:
        rules = _rules(draft, kind)
        if not rules:
            return False
        _, rule = draft.rng.choice(rules)
        if "match" not in rule:
            rule["match"] = [{"sniHosts": [API]} if kind == "tls" else {}]
        match = draft.rng.choice(rule["match"])
        match[field] = draft.pick(values)
        _requests(draft, field)
        if field == "gateways" and draft.rng.random() < 0.4:
            del match["gateways"]
        return True

    return change


def _action(field: str, values: list[Any]) -> Change:
    def change(draft: Draft) -> bool:
        rules = _rules(draft, "http")
        if not rules:
            return False
        _, rule = draft.rng.choice(rules)
        rule[field] = draft.pick(values)
        if field in ("redirect", "directResponse"):
            rule.pop("route", None)
        return True

    return change


def _destination(field: str, values: list[Any]) -> Change:
    def change(draft: Draft) -> bool:
        rules = [rule for kind in ("http", "tls", "tcp") for _, rule in _rules(draft, kind) if rule.get("route")]
        if not rules:
            return False
        destination = draft.rng.choice(draft.rng.choice(rules)["route"])["destination"]
        value = draft.pick(values)
        if value is None:
            destination.pop(field, None)
        else:
            destination[field] = value
        return True

    return change


def _spec(field: str, values: list[Any]) -> Change:
    def change(draft: Draft) -> bool:
        service = draft.one("VirtualService")
        if service is None:
            return False
        service["spec"][field] = draft.pick(values)
        return True

    return change


def _weights(draft: Draft) -> bool:
    rules = [rule for kind in ("http", "tls", "tcp") for _, rule in _rules(draft, kind) if rule.get("route")]
    if not rules:
        return False
    rule = draft.rng.choice(rules)
    other = copy.deepcopy(rule["route"][0])
    other["destination"]["host"] = draft.pick([API, OTHER, SERVICE])
    other["destination"].pop("subset", None)
    first = draft.pick([0, 50, 90, 100])
    rule["route"][0]["weight"], other["weight"] = first, 100 - first
    rule["route"].append(other)
    return True


def _route_headers(draft: Draft) -> bool:
    rules = [rule for _, rule in _rules(draft, "http") if rule.get("route")]
    if not rules:
        return False
    draft.rng.choice(rules)["route"][0]["headers"] = draft.pick(
        [
            {"request": {"set": {"host": PAY}}},
            {"request": {"set": {":authority": OTHER}}},
            {"request": {"add": {"x-team": "a"}, "remove": ["user-agent"]}},
            {"response": {"set": {"x-seen": "1"}}},
        ]
    )
    return True


def _order(draft: Draft) -> bool:
    kinds = [kind for kind in ("http", "tls", "tcp") if _rules(draft, kind)]
    if not kinds:
        return False
    draft.rng.choice(draft.found("VirtualService"))["spec"].get(draft.rng.choice(kinds), []).reverse()
    return True


def _no_match(draft: Draft) -> bool:
    rules = [rule for kind in ("http", "tcp") for _, rule in _rules(draft, kind)]
    if not rules:
        return False
    draft.rng.choice(rules).pop("match", None)
    return True


def _more_matches(draft: Draft) -> bool:
    rules = [rule for kind in ("http", "tls", "tcp") for _, rule in _rules(draft, kind) if rule.get("match")]
    if not rules:
        return False
    rule = draft.rng.choice(rules)
    another = copy.deepcopy(rule["match"][0])
    another["gateways"] = draft.pick([["mesh"], ["bank-gw"], ["mesh", "bank-gw"]])
    rule["match"].insert(draft.pick([0, 1]), another)
    return True


def _kind_of_rule(draft: Draft) -> bool:
    services = [
        each for each in draft.found("VirtualService") if any(each["spec"].get(kind) for kind in ("http", "tls", "tcp"))
    ]
    if not services:
        return False
    spec = draft.rng.choice(services)["spec"]
    kind = next(kind for kind in ("http", "tls", "tcp") if spec.get(kind))
    other = draft.pick([each for each in ("http", "tls", "tcp") if each != kind])
    moved = spec.pop(kind)
    for rule in moved:
        for match in rule.get("match") or ():
            match.pop("sniHosts", None)
            if other == "tls":
                match["sniHosts"] = [API]
    spec[other] = [*(spec.get(other) or []), *moved]
    return True


def _split(draft: Draft) -> bool:
    service = draft.one("VirtualService")
    if service is None or set(service["spec"].get("gateways", ())) != {"bank-gw", "mesh"}:
        return False
    copied = draft.double(service, "bank-mesh", draft.pick([NAMESPACE, "team-a"]), older=draft.pick([60, -60]))
    copied["spec"]["gateways"] = ["mesh"]
    service["spec"]["gateways"] = ["bank-gw"]
    return True


def _rival(draft: Draft) -> bool:
    host = draft.pick([API, API, WILDCARD, "*", PAY])
    namespace = draft.pick([NAMESPACE, "team-a", "team-b", "aks-istio-system"])
    spec: Json = {"hosts": [host]}
    if draft.rng.random() < 0.4:
        spec["gateways"] = draft.pick([["mesh"], [f"{NAMESPACE}/bank-gw"], [f"{NAMESPACE}/bank-gw", "mesh"]])
    if draft.rng.random() < 0.5:
        spec["exportTo"] = draft.pick([["."], ["*"], ["team-a"], ["team-a", NAMESPACE]])
    target = draft.pick([API, API, OTHER, SERVICE])
    port = {"http": 80, "https": 443}.get(draft.plain.scheme, draft.plain.port)
    route = [{"destination": {"host": target, "port": {"number": draft.pick([port, 443, 80])}}}]
    kind = {"http": "http", "https": "tls"}.get(draft.plain.scheme, "tcp")
    rule: Json = {"route": route}
    if kind == "tls":
        rule["match"] = [{"sniHosts": [host], **({"port": 443} if draft.rng.random() < 0.7 else {})}]
    elif draft.rng.random() < 0.3:
        rule["match"] = [{"port": port}]
    spec[kind] = [rule]
    draft.add("VirtualService", "rival", spec, namespace, older=draft.pick([60, -60]))
    return True


def _delegate(draft: Draft) -> bool:
    rules = _rules(draft, "http")
    if not rules:
        return False
    _, rule = draft.rng.choice(rules)
    name = draft.pick(["detail", "detail", "absent"])
    delegated = copy.deepcopy({key: value for key, value in rule.items() if key != "match"})
    if draft.rng.random() < 0.4:
        delegated["match"] = [
            draft.pick([{"uri": {"prefix": "/v1"}}, {"uri": {"prefix": "/"}}, {"method": {"exact": "POST"}}])
        ]
    namespace = draft.pick([NAMESPACE, "team-a"])
    spec: Json = {"http": [delegated]}
    if draft.rng.random() < 0.3:
        spec["exportTo"] = draft.pick([["."], ["*"]])
    draft.add("VirtualService", "detail", spec, namespace)
    kept = {key: value for key, value in rule.items() if key in ("match", "name")}
    rule.clear()
    rule.update(kept, delegate={"name": name, "namespace": namespace})
    return True


def _place(draft: Draft) -> bool:
    service = draft.one("VirtualService")
    if service is None:
        return False
    service["metadata"]["namespace"] = draft.pick(["team-a", "aks-istio-system"])
    if draft.rng.random() < 0.6:
        gateways = service["spec"].get("gateways") or []
        service["spec"]["gateways"] = [f"{NAMESPACE}/{each}" if each == "bank-gw" else each for each in gateways]
        for rule in (rule for kind in ("http", "tls", "tcp") for rule in service["spec"].get(kind) or ()):
            for match in rule.get("match") or ():
                if "gateways" in match:
                    match["gateways"] = [
                        f"{NAMESPACE}/{each}" if each == "bank-gw" else each for each in match["gateways"]
                    ]
    return True


@changes("VirtualService")
def _changes() -> dict[str, Change]:
    found: dict[str, Change] = {
        f"http.match.{field}": _condition("http", field, some) for field, some in _HTTP_CONDITIONS.items()
    }
    for kind in ("tls", "tcp"):
        found |= {f"{kind}.match.{field}": _condition(kind, field, some) for field, some in _L4_CONDITIONS.items()}
    found["tls.match.sniHosts"] = _condition("tls", "sniHosts", _SNI)
    found |= {f"http.{field}": _action(field, values) for field, values in _HTTP_ACTIONS.items()}
    found |= {f"route.destination.{field}": _destination(field, values) for field, values in _DESTINATIONS.items()}
    found["hosts"] = _spec(
        "hosts", [[PAY], [WILDCARD], [API, PAY], ["*"], [API, OTHER], ["bank"], [WILDCARD, API], ["203.0.113.77"]]
    )
    found["gateways"] = _spec("gateways", [["mesh"], ["bank-gw"], ["absent", "mesh"], [f"{NAMESPACE}/bank-gw", "mesh"]])
    found["exportTo"] = _spec("exportTo", [["."], ["*"], ["~"], ["team-a"], ["team-a", NAMESPACE], [NAMESPACE]])
    found |= {
        "route.headers": _route_headers,
        "route.weight": _weights,
        "order of rules": _order,
        "without match": _no_match,
        "several matches": _more_matches,
        "kind of rule": _kind_of_rule,
        "two objects": _split,
        "rival": _rival,
        "http.delegate": _delegate,
        "namespace": _place,
    }
    return found
