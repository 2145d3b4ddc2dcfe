"""What each right is for: the chart's rules, an Azure role, the table of docs/permissions.md (written by `make docs`)."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence

import yaml

from checks.catalogue import catalogue
from checks.engine.check import Check
from checks.engine.permissions import Right, azure_rights, cluster_role, kubernetes_rights

Rule = dict[str, list[str]]

PURPOSES = {
    "pods/log": "what the gateway's proxy, istiod and the static egress components wrote last",
    "configmaps": "the mesh configuration (outbound traffic policy, access log, discovery selectors)",
    "events": "why pods do not start, get no network, or an admission webhook said no",
    "namespaces": "labels that decide about injection, discovery, webhooks and pod security",
    "nodes": "whether the nodes of the gateway pool are there, ready, and fit for the prefix",
    "pods": "the gateway's pods and their clients: where they are, whether they run, what their sidecar was given",
    "resourcequotas": "whether a quota keeps the gateway's pods from being created",
    "secrets": "whether the Secret of a `credentialName` is in the gateway's namespace: metadata only, never what is in it",
    "services": "the gateway's Service and its ports; Services of webhooks",
    "mutatingwebhookconfigurations": "webhooks that could change or refuse the gateway's pods",
    "validatingwebhookconfigurations": "webhooks that could refuse the gateway's pods or Istio's configuration",
    "daemonsets": "the static egress components on each node",
    "deployments": "the gateway's Deployment, istiod's, and the static egress controller's",
    "replicasets": "which revision of a Deployment failed to create pods, and why",
    "horizontalpodautoscalers": "whether the gateway's autoscaler is at its limit",
    "endpointslices": "whether the gateway's Service, and webhooks', have ready endpoints",
    "gatewaylbconfigurations": "how far the static egress controller came with the load balancer",
    "gatewaystatuses": "which gateway nodes serve which configuration",
    "gatewayvmconfigurations": "how far the static egress controller came with the nodes and the prefix",
    "podendpoints": "which pods have joined a gateway",
    "staticgatewayconfigurations": "the configuration that gives the gateway its egress prefix",
    "gateways.gateway.networking.k8s.io": "Gateway API objects that take the name of a gateway without being one",
    "httproutes": "Gateway API routes to them",
    "destinationrules": "TLS and subsets between sidecar, gateway and host",
    "envoyfilters": "filters that could change any of it",
    "gateways.networking.istio.io": "servers that the gateway opens, and for which hosts",
    "serviceentries": "hosts outside of the mesh",
    "sidecars": "Sidecars that hide a host from its clients",
    "virtualservices": "the routes from sidecar to gateway and from gateway to host",
    "poddisruptionbudgets": "whether a budget blocks the gateway's nodes from being drained",
    "authorizationpolicies": "policies that deny what the gateway carries",
    "peerauthentications": "what TLS a namespace demands",
    "telemetries": "whether access logging is on",
    "Microsoft.ContainerService/managedClusters/read": "the mesh profile: add-on, revision, gateways, network profile",
    "Microsoft.ContainerService/managedClusters/agentPools/read": "the gateway node pool: mode, prefix size, state",
    "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action": (
        "the API server's address and certificate authority; not needed with `kubeconfig`"
    ),
    "Microsoft.Network/networkSecurityGroups/read": "rules that block the tunnel or the egress range",
    "Microsoft.Network/publicIPPrefixes/read": "whether a prefix of your own can be used",
    "Microsoft.Network/routeTables/read": "routes that take the traffic elsewhere",
    "Microsoft.Network/virtualNetworks/subnets/read": "which security group and route table the gateway pool has",
}
"""What is looked at, by resource (with its group where two have the name) or Azure action; a test asks for every one."""

PROBE: list[Rule] = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "create", "delete"]},
    {"apiGroups": [""], "resources": ["pods/ephemeralcontainers"], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
]
"""Active probes (SEG-4, SEG-5): a container beside the gateway's proxy, or a pod beside it, removed afterwards."""

RESTART: list[Rule] = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}]
"""The restart action (SEG-6): the annotation that `kubectl rollout restart` sets."""


def read_rules(checks: Sequence[Check]) -> list[Rule]:
    """The rules of the chart's read-only ClusterRole: all that the checks read, but for Secrets."""
    return [rule for rule in _rules(checks) if rule["resources"]]


def secrets_rules(checks: Sequence[Check]) -> list[Rule]:
    """The rule about Secrets, apart: RBAC cannot grant their metadata alone, so that it has a switch of its own."""
    named = any("secrets" in rule["resources"] for rule in _all_rules(checks))
    return [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}] if named else []


def _rules(checks: Sequence[Check]) -> Iterator[Rule]:
    for rule in _all_rules(checks):
        yield {**rule, "resources": [name for name in rule["resources"] if name != "secrets"]}


def _all_rules(checks: Sequence[Check]) -> list[Rule]:
    rules = cluster_role(checks)["rules"]
    assert isinstance(rules, list)  # noqa: S101 - a manifest is typed loosely
    return rules


def azure_role(checks: Sequence[Check]) -> dict[str, object]:
    """A custom role as `az role definition create` takes it; its scope is to be filled in."""
    return {
        "Name": "egress-diag reader",
        "Description": "What egress-diag reads in Azure, and reaching the API server as an ordinary user",
        "Actions": [right.resource for right in azure_rights(checks)],
        "AssignableScopes": ["/subscriptions/SUBSCRIPTION_ID"],
    }


def table(checks: Sequence[Check]) -> str:
    """The rights as Markdown: what each is for and what is lost without it."""
    return "\n".join(_table(checks))


def _table(checks: Sequence[Check]) -> Iterator[str]:
    yield "| right | what it is for | lost without it |"
    yield "| --- | --- | --- |"
    for right in kubernetes_rights(checks):
        yield f"| {'/'.join(right.verbs)} `{_name(right)}` | {purpose(right)} | {_lost(right, checks)} |"
    for right in azure_rights(checks):
        yield f"| Azure `{right.resource}` | {purpose(right)} | {_lost(right, checks)} |"


def purpose(right: Right) -> str:
    """What the right is for. Raises KeyError for one that nobody has written about."""
    return PURPOSES.get(_name(right)) or PURPOSES[right.resource]


def _name(right: Right) -> str:
    return f"{right.resource}.{right.group}" if right.group else right.resource


def _lost(right: Right, checks: Sequence[Check]) -> str:
    if len(right.lost) > 12:
        return f"{len(right.lost)} of {len(checks)} checks"
    return ", ".join(right.lost)


PARTS: dict[str, Callable[[Sequence[Check]], str]] = {
    "read": lambda checks: _yaml(read_rules(checks)),
    "secrets": lambda checks: _yaml(secrets_rules(checks)),
    "probe": lambda _: _yaml(PROBE),
    "restart": lambda _: _yaml(RESTART),
    "azure": lambda checks: json.dumps(azure_role(checks), indent=2),
    "table": table,
}


def _yaml(rules: Sequence[Rule]) -> str:
    written = yaml.safe_dump(list(rules), sort_keys=False).rstrip() if rules else "[]"
    return f"# Generated by `make docs` from what the checks declare to read. Do not edit.\n{written}"


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PARTS:
        sys.exit(f"Which part? python -m checks.docs.permission_tables {' | '.join(PARTS)}")
    print(PARTS[sys.argv[1]](catalogue()))  # noqa: T201 - this module's command prints the part
