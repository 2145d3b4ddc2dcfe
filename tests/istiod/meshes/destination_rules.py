"""Changes of DestinationRules: subsets, TLS at each level, visibility, place, rivals."""

from __future__ import annotations

from typing import Any

from tests.istiod.meshes.draft import API, NAMESPACE, PAY, SERVICE, WILDCARD, Change, Draft, Json, changes

_TLS: list[Any] = [
    {"mode": "DISABLE"},
    {"mode": "SIMPLE"},
    {"mode": "SIMPLE", "sni": API},
    {"mode": "SIMPLE", "sni": PAY},
    {"mode": "ISTIO_MUTUAL"},
    {"mode": "ISTIO_MUTUAL", "sni": API},
    {"mode": "ISTIO_MUTUAL", "sni": PAY},
    {"mode": "SIMPLE", "subjectAltNames": [API]},
    {"mode": "SIMPLE", "subjectAltNames": ["other.example"]},
    {"mode": "SIMPLE", "credentialName": "absent"},
    {"mode": "SIMPLE", "credentialName": "bank-ca"},
    {"mode": "MUTUAL", "credentialName": "bank-client"},
    {"mode": "SIMPLE", "insecureSkipVerify": True},
    {"mode": "SIMPLE", "caCertificates": "/etc/ssl/certs/ca-certificates.crt"},
    {"mode": "MUTUAL", "clientCertificate": "/etc/c.pem", "privateKey": "/etc/k.pem", "caCertificates": "/etc/ca.pem"},
]
_POLICIES: list[Any] = [
    {"loadBalancer": {"simple": "ROUND_ROBIN"}},
    {"connectionPool": {"http": {"h2UpgradePolicy": "UPGRADE"}}},
    {"outlierDetection": {"consecutive5xxErrors": 5}},
    {"connectionPool": {"http": {"useClientProtocol": True}}},
    {"connectionPool": {"http": {"h2UpgradePolicy": "DO_NOT_UPGRADE"}}},
    {"loadBalancer": {"simple": "PASSTHROUGH"}},
    {"loadBalancer": {"consistentHash": {"httpHeaderName": "x-team"}}},
    {"loadBalancer": {"localityLbSetting": {"enabled": False}}},
    {"proxyProtocol": {"version": "V2"}},
    {"portLevelSettings": [{"port": {"number": 443}, "loadBalancer": {"simple": "ROUND_ROBIN"}}]},
    {"portLevelSettings": [{"port": {"number": 80}, "loadBalancer": {"simple": "ROUND_ROBIN"}}]},
]


def _tls(draft: Draft) -> bool:
    rule = draft.one("DestinationRule")
    if rule is None:
        return False
    tls = draft.pick(_TLS)
    level = draft.pick(["top", "port", "subset", "subset port"])
    target: Json = rule["spec"]
    if level.startswith("subset"):
        if not target.get("subsets"):
            return False
        target = target["subsets"][0]
    policy: Json = target.setdefault("trafficPolicy", {})
    if tls.get("credentialName") == "bank-ca":
        draft.secret("bank-ca", draft.pick([["ca.crt"], ["cacert"], ["tls.crt", "tls.key"]]))
    elif tls.get("credentialName") == "bank-client":
        draft.secret("bank-client", draft.pick([["tls.crt", "tls.key", "ca.crt"], ["tls.crt", "tls.key"]]))
    if level.endswith("port"):
        policy["portLevelSettings"] = [{"port": {"number": draft.pick([80, 443])}, "tls": tls}]
    else:
        policy["tls"] = tls
    return True


def _policy(draft: Draft) -> bool:
    rule = draft.one("DestinationRule")
    if rule is None:
        return False
    target = rule["spec"]["subsets"][0] if rule["spec"].get("subsets") and draft.rng.random() < 0.5 else rule["spec"]
    target["trafficPolicy"] = {**target.get("trafficPolicy", {}), **draft.pick(_POLICIES)}
    return True


def _labels(draft: Draft) -> bool:
    rules = [each for each in draft.found("DestinationRule") if each["spec"].get("subsets")]
    if not rules:
        return False
    draft.rng.choice(rules)["spec"]["subsets"][0]["labels"] = draft.pick(
        [{"istio": "egw"}, {"version": "v9"}, {"app": "egw"}]
    )
    return True


def _subset(draft: Draft) -> bool:
    rules = [each for each in draft.found("DestinationRule") if each["spec"].get("subsets")]
    if not rules:
        return False
    rule = draft.rng.choice(rules)
    if draft.rng.random() < 0.5:
        rule["spec"]["subsets"][0]["name"] = "another"
    else:
        rule["spec"].pop("subsets")
    return True


def _tunnel(draft: Draft) -> bool:
    rule = draft.one("DestinationRule")
    if rule is None:
        return False
    target = rule["spec"]["subsets"][0] if rule["spec"].get("subsets") else rule["spec"]
    protocol = draft.pick(["CONNECT", "CONNECT", "POST"])
    target.setdefault("trafficPolicy", {})["tunnel"] = {
        "protocol": protocol,
        "targetHost": API,
        "targetPort": draft.plain.port,
    }
    return True


def _field(field: str, values: list[Any]) -> Change:
    def change(draft: Draft) -> bool:
        rule = draft.one("DestinationRule")
        if rule is None:
            return False
        rule["spec"][field] = draft.pick(values)
        return True

    return change


def _place(draft: Draft) -> bool:
    rule = draft.one("DestinationRule")
    if rule is None:
        return False
    rule["metadata"]["namespace"] = draft.pick(["team-a", "team-b", "aks-istio-system"])
    return True


def _missing(draft: Draft) -> bool:
    rule = draft.one("DestinationRule")
    if rule is None:
        return False
    draft.remove(rule)
    return True


def _rival(draft: Draft) -> bool:
    host = draft.pick([SERVICE, SERVICE, API, WILDCARD, "*.svc.cluster.local", "*", f"*.{NAMESPACE}.svc.cluster.local"])
    spec: Json = {"host": host}
    if draft.rng.random() < 0.7:
        spec["trafficPolicy"] = {"tls": draft.pick(_TLS)}
    if draft.rng.random() < 0.5:
        spec["subsets"] = [{"name": draft.pick(["bank", "more"])}]
    if draft.rng.random() < 0.4:
        spec["exportTo"] = draft.pick([["."], ["*"], ["team-a"]])
    namespace = draft.pick([NAMESPACE, NAMESPACE, "team-a", "team-b", "aks-istio-system"])
    draft.add("DestinationRule", "rival-dr", spec, namespace, older=draft.pick([60, -60]))
    return True


@changes("DestinationRule")
def _changes() -> dict[str, Change]:
    return {
        "trafficPolicy.tls": _tls,
        "trafficPolicy": _policy,
        "subsets.labels": _labels,
        "subsets": _subset,
        "trafficPolicy.tunnel": _tunnel,
        "host": _field("host", ["egw", f"egw.{NAMESPACE}", PAY, WILDCARD, "*"]),
        "exportTo": _field("exportTo", [["."], ["*"], ["~"], ["team-a"], [NAMESPACE]]),
        "workloadSelector": _field(
            "workloadSelector", [{"matchLabels": {"app": "web"}}, {"matchLabels": {"istio": "egw"}}]
        ),
        "namespace": _place,
        "missing": _missing,
        "rival": _rival,
    }
