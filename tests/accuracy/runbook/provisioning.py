"""The article's sections about preconditions, networking and provisioning."""

import re
from collections.abc import Iterator

from tests.accuracy.runbook.reading import Json, Reading, label, stated
from tests.accuracy.scoring import Statement

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_EGRESS = "egressgateway.kubernetes.azure.com"


def steps(read: Reading) -> Iterator[Statement]:
    """The decisions of these sections, in the article's order."""
    yield from _preconditions(read)
    yield from _network(read)
    yield from _deployments(read)
    if not _NAME.fullmatch(read.name) or len(read.name) > 63:
        yield stated(
            "gateway-name-invalid", [], f"{read.name} is not a valid name", "Use a valid name of at most 63 characters"
        )
    if unready(read):
        yield from _webhooks(read)
        yield from _components(read)


def unready(read: Reading) -> bool:
    """Whether the gateway's Deployments are not ready."""
    found = [
        each for each in read.objects("Deployment", "apps") if each["metadata"]["name"].startswith(f"{read.name}-asm-")
    ]
    return any((each.get("status") or {}).get("readyReplicas", 0) < each["spec"].get("replicas", 1) for each in found)


def _preconditions(read: Reading) -> Iterator[Statement]:
    """PRE-2: the feature, a node pool in Gateway mode, a StaticGatewayConfiguration."""
    profile = (read.managed_cluster.get("networkProfile") or {}).get("staticEgressGatewayProfile") or {}
    cluster = [f"ManagedCluster {read.managed_cluster.get('name')}"]
    if read.managed_cluster and not profile.get("enabled"):
        advice = "Enable the static egress gateway feature: az aks update --enable-static-egress-gateway"
        yield stated("static-egress-disabled", cluster, "The static egress gateway feature is not enabled", advice)
    if read.pools and not any(each.get("mode") == "Gateway" for each in read.pools):
        advice = "Create an agent pool of mode Gateway: az aks nodepool add --mode Gateway"
        yield stated("gateway-pool-missing", [], "No agent pool has mode Gateway", advice)
    configurations = read.objects("StaticGatewayConfiguration", _EGRESS, None)
    if not configurations and not read.failed:
        advice = "Create a StaticGatewayConfiguration"
        yield stated("gateway-configuration-missing", [], "No StaticGatewayConfiguration exists", advice)


def _network(read: Reading) -> Iterator[Statement]:
    """NET-1: firewalls and NSG rules that may block; NET-2: no Azure CNI Pod Subnet."""
    advice = "Make sure that the IP ranges of the egress gateway are on the allow list of the firewall or NSG"
    for resource in read.cluster.resources or ():
        properties = resource.get("properties") or {}
        name = str(resource["id"]).rpartition("/")[2]
        rules = [each.get("properties") or {} for each in properties.get("securityRules") or ()]
        if any(each.get("direction") == "Outbound" and each.get("access") == "Deny" for each in rules):
            text = f"NSG {name} has a rule that denies outbound traffic"
            yield stated("egress-range-blocked", [f"NetworkSecurityGroup {name}"], text, advice)
        routes = [each.get("properties") or {} for each in properties.get("routes") or ()]
        if any(each.get("nextHopType") in ("VirtualAppliance", "None") for each in routes):
            text = f"Route table {name} sends traffic to a firewall"
            yield stated("egress-range-blocked", [f"RouteTable {name}"], text, advice)
    for pool in read.pools:
        if pool.get("podSubnetID") or pool.get("podSubnetId"):
            text = f"Agent pool {pool['name']} uses Azure CNI Pod Subnet, which is not supported"
            yield stated("pod-subnet-cni", [f"AgentPool {pool['name']}"], text, "Use a cluster without Pod Subnet")
            return


def _deployments(read: Reading) -> Iterator[Statement]:
    """PROV-1: a Deployment of each revision, and a Service of type ClusterIP with an address."""
    for revision in read.revisions:
        name = f"{read.name}-{revision}"
        if read.get("Deployment", "apps", name) is None and "deployments.apps" not in read.failed:
            where = [f"Deployment {read.namespace}/{name}"]
            yield stated("deployment-not-available", where, f"Deployment {name} is not provisioned")
    service = read.get("Service", "", read.name)
    if service is None and "services" not in read.failed:
        where = [f"Service {read.namespace}/{read.name}"]
        yield stated("service-not-provisioned", where, f"Service {read.name} is not provisioned")
    elif service is not None and (service["spec"].get("type", "ClusterIP") != "ClusterIP" or not _address(service)):
        yield stated("service-not-provisioned", [label(service)], "The Service has no ClusterIP address")


def _address(service: Json) -> bool:
    return service["spec"].get("clusterIP") not in (None, "", "None")


def _webhooks(read: Reading) -> Iterator[Statement]:
    """PROV-2: self-managed admission webhooks must not block the gateway's resources."""
    for event in read.objects("Event", ""):
        found = re.search(r'webhook "([^"]+)"', event.get("message", ""))
        if event.get("type") == "Warning" and found:
            kinds = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
            every = [each for kind in kinds for each in read.objects(kind, "admissionregistration.k8s.io", None)]
            where = [label(each) for each in every if found[1] in [hook["name"] for hook in each.get("webhooks") or ()]]
            text = f"Webhook {found[1]} blocks the resources of the gateway"
            advice = (
                f"Make sure that webhook {found[1]} does not block: exclude namespace {read.namespace} in the webhook"
            )
            yield stated("admission-webhook-blocks", where, text, advice)
            return


def _components(read: Reading) -> Iterator[Statement]:
    """PROV-4: the components of the static egress gateway, if the Deployments are not ready."""
    for each in [*read.objects("DaemonSet", "apps", None), *read.objects("Deployment", "apps", None)]:
        status = each.get("status") or {}
        wanted = status.get("desiredNumberScheduled", each["spec"].get("replicas", 0))
        ready = status.get("numberReady", status.get("readyReplicas", 0))
        if each["metadata"]["name"].startswith("kube-egress-gateway") and ready < wanted:
            text = f"{label(each)} is not ready"
            yield stated("static-egress-components-unhealthy", [label(each)], text, "Fix the static egress gateway")
