"""The answer of an incident in the open format (docs/corpus.md). Pure."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from checks.catalogue import catalogue
from checks.model.findings import Stage
from tests.clusters.bundles import Cluster, Manifest, read_yaml
from tests.clusters.compose import identity, named
from tests.incidents.incidents import Incident

FIXES = Path(__file__).parent / "fixes.yaml"
HARMFUL = (
    r"az aks delete\b",
    r"kubectl .*delete (namespace|ns)\b",
    r"kubectl .*delete (crd|customresourcedefinition)",
    r"az group delete\b",
)
"""Steps that make every incident worse."""

NOISY = ("021", "108", "160", "161", "164", "310", "319", "320", "33", "45", "44", "47")
"""Incidents with unrelated warnings or faults, by the number in their name."""

_SOURCE = re.compile(r"https://[^\s)>]+[^\s).,>]")
_AZURE_KINDS = {
    "networkSecurityGroups": "NetworkSecurityGroup",
    "routeTables": "RouteTable",
    "subnets": "Subnet",
    "publicIPPrefixes": "PublicIPPrefix",
    "publicIPAddresses": "PublicIPAddress",
    "loadBalancers": "LoadBalancer",
    "natGateways": "NatGateway",
    "azureFirewalls": "Firewall",
}
_STAGE_TAGS = {
    Stage.PREREQUISITES: "azure",
    Stage.NETWORK: "azure",
    Stage.PROVISIONING: "azure",
    Stage.STATIC_GATEWAY: "static-egress",
    Stage.ISTIO: "istio",
}


def answer(incident: Incident) -> dict[str, Any]:
    """The content of answer.yaml."""
    expect = incident.expect
    causes = [_cause(slugs, incident) for slugs in _causes(expect)]
    source = _SOURCE.search(incident.story)
    found = {
        "title": incident.title,
        "story": " ".join(incident.story.split()),
        "kinds": list(_kinds(incident)),
        "source": source[0] if source else None,
        "gateway": expect["gateway"],
        "host": expect.get("host"),
        "from": expect.get("from"),
        "verdict": expect["verdict"],
        "causes": causes,
        "fix": [fix for each in causes for fix in [_fix(each["slug"])] if fix],
        "harmful": list(HARMFUL) if causes else [],
        "accepted": _accepted(expect, {slug for slugs in _causes(expect) for slug in slugs}),
    }
    return {key: value for key, value in found.items() if key in ("source", "causes") or value not in (None, [])}


def _causes(expect: Mapping[str, Any]) -> list[list[str]]:
    """The slugs of each cause: the first, and those that are as right.

    If an incident is broken without a certain root cause, any of those that may fail is right. The warnings of a degraded
    gateway are one fault that several checks report, unless several causes are listed.
    """
    if expect["root_causes"]:
        return [[slug] for slug in expect["root_causes"]]
    if expect["verdict"] == "broken":
        return [list(expect["may_fail"])]
    if expect["verdict"] == "degraded" and expect["warning"] != "*":
        first = expect.get("headline")
        return [sorted(expect["warning"], key=lambda slug: slug != first)]
    return []


def _cause(slugs: list[str], incident: Incident) -> dict[str, Any]:
    kinds = {kind for slug in slugs for kind in _fixes().get(slug, {}).get("kinds", ())}
    why = "; ".join(map(_text, incident.expect.get("why", ()))) or " ".join(incident.story.split())
    found = {
        "slug": slugs[0],
        "alternatives": slugs[1:],
        "objects": [each for each in changed_objects(incident) if each.partition(" ")[0] in kinds],
        "why": why,
    }
    return {key: value for key, value in found.items() if value}


def _text(reason: str | Mapping[str, Any]) -> str:
    """A reason as text: a sentence with a colon is read as a mapping."""
    return reason if isinstance(reason, str) else "; ".join(f"{key}: {value}" for key, value in reason.items())


def _fix(slug: str) -> dict[str, Any] | None:
    patterns = _fixes().get(slug, {}).get("fix")
    title = next(check.title for check in catalogue() if check.slug == slug)
    return {"what": f"ends: {title}", "patterns": patterns} if patterns else None


def _accepted(expect: Mapping[str, Any], causes: set[str]) -> list[str]:
    """The slugs that are neither right nor a false alarm, such as symptoms."""
    listed: set[str] = set(expect.get("may_fail", ())) | set(expect.get("failing", ()))
    for key in ("warning", "may_warn"):
        listed |= {"*"} if expect.get(key) == "*" else set(expect.get(key, ()))
    return ["*"] if "*" in listed else sorted(listed - causes)


def changed_objects(incident: Incident) -> list[str]:
    """`KIND namespace/name` of each object in which the cluster differs from its base."""
    before, after = named(incident.base), incident.cluster
    found = [*_kubernetes(before, after), *_azure(before, after)]
    return list(dict.fromkeys(found))


def _kubernetes(before: Cluster, after: Cluster) -> Iterator[str]:
    old, new = ({identity(each): each for each in cluster.objects} for cluster in (before, after))
    for key in [*old, *(each for each in new if each not in old)]:
        if old.get(key) != new.get(key):
            _, kind, namespace, name = key
            yield f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _azure(before: Cluster, after: Cluster) -> Iterator[str]:
    if before.managed_cluster != after.managed_cluster and before.managed_cluster:
        yield f"ManagedCluster {before.managed_cluster['name']}"
    for kind, old, new in (
        ("AgentPool", _by("name", before.agent_pools), _by("name", after.agent_pools)),
        ("", _by("id", before.resources), _by("id", after.resources)),
    ):
        for key in [*old, *(each for each in new if each not in old)]:
            if old.get(key) != new.get(key):
                yield f"{kind or _kind_of(key)} {key.rpartition('/')[2]}"


def _by(field: str, things: tuple[Manifest, ...] | None) -> dict[str, Manifest]:
    return {str(each[field]): each for each in things or ()}


def _kind_of(resource_id: str) -> str:
    kind = resource_id.split("/")[-2]
    return _AZURE_KINDS.get(kind, kind)


def _kinds(incident: Incident) -> Iterator[str]:
    """The tags of an incident: its form, and the part of the system that it is about."""
    expect, number = incident.expect, incident.name.partition("-")[0]
    verdicts = expect["verdict"] if isinstance(expect["verdict"], list) else [expect["verdict"]]
    causes = _causes(expect)
    if "healthy" in verdicts:
        yield "healthy"
    elif "starting" in verdicts:
        yield "starting"
    elif causes:
        yield "double" if len(causes) > 1 else "single"
    if incident.has_failed_reads or "inconclusive" in verdicts:
        yield "unreadable"
    if number in NOISY:
        yield "noisy"
    stages = {check.slug: check.stage for check in catalogue()}
    yield from dict.fromkeys(_STAGE_TAGS[stages[slug]] for slugs in causes for slug in slugs[:1])
    touched = [each for each in incident.cluster.objects if each not in named(incident.base).objects]
    if any(each["apiVersion"].startswith("gateway.networking.k8s.io/") for each in touched):
        yield "gateway-api"
    if any(_has_tcp(each) for each in touched):
        yield "tcp"


def _has_tcp(manifest: Manifest) -> bool:
    spec = manifest.get("spec") or {}
    if manifest["kind"] == "VirtualService":
        return bool(spec.get("tcp"))
    ports = spec.get("ports") or () if manifest["kind"] == "ServiceEntry" else ()
    return any(str(port.get("protocol", "")).upper() in ("TCP", "MONGO", "MYSQL", "REDIS") for port in ports)


@cache
def _fixes() -> Mapping[str, Any]:
    found: Mapping[str, Any] = read_yaml(FIXES)
    return found
