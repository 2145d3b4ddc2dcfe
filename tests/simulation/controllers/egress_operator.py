"""The operator and the daemons of static egress gateways.

Source: https://github.com/Azure/kube-egress-gateway/blob/main/docs/design.md and docs/domain/custom-resources.md. For a
StaticGatewayConfiguration whose node pool is a running one in Gateway mode and whose spec is valid, the controllers create a
GatewayLBConfiguration, a GatewayVMConfiguration and the private key, and set the prefix and the server profile in the status.
Each gateway daemon that is ready lists what its node serves in a GatewayStatus. The CNI plugin creates a PodEndpoint for each
pod with the annotation.

Only what the steps changed is provisioned: what Azure refused before, it refuses again.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from checks.model.raw_values import parse_moment
from tests.clusters.bundles import Cluster, Manifest
from tests.clusters.compose import identity, named
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.controllers.daemon_sets import report_configured
from tests.simulation.controllers.healthy import condition, created, model, owned_by

SYSTEM = "aks-static-egress-gateway"
ANNOTATION = "kubernetes.azure.com/static-gateway-configuration"
_KINDS = (
    "staticgatewayconfigurations",
    "gatewaylbconfigurations",
    "gatewayvmconfigurations",
    "gatewaystatuses",
    "podendpoints",
)


def provision(copy: ClusterCopy, before: Cluster) -> None:
    """Provision every StaticGatewayConfiguration that the steps made possible."""
    network = copy.properties().get("networkProfile") or {}
    if not (network.get("staticEgressGatewayProfile") or {}).get("enabled"):
        return
    _install(copy)
    for configuration in copy.of("StaticGatewayConfiguration"):
        if configuration["metadata"].get("deletionTimestamp") and _pool_returned(copy, before, configuration):
            _finalize(copy, configuration)
        elif _concerned(copy, before, configuration) and not refusals(copy, configuration):
            _provision(copy, configuration)
    _pod_endpoints(copy)
    _node_statuses(copy)


def _pool_returned(copy: ClusterCopy, before: Cluster, configuration: Manifest) -> bool:
    """Whether a step created or changed the pool, so that a deletion in it succeeds."""
    pool = str((configuration.get("spec") or {}).get("gatewayNodepoolName", "")).lower()
    return copy.pool(pool) is not None and _pools(before).get(pool) != copy.pool(pool)


def _pools(cluster: Cluster) -> dict[str, Manifest]:
    return {str(each["name"]).lower(): each["properties"] for each in cluster.agent_pools or ()}


def _finalize(copy: ClusterCopy, configuration: Manifest) -> None:
    """A deletion whose obstacle is gone ends: the finalizers and the objects are removed."""
    who = identity(configuration)[2:]
    kinds = ("StaticGatewayConfiguration", "GatewayLBConfiguration", "GatewayVMConfiguration")
    copy.drop(each for kind in kinds for each in copy.of(kind) if identity(each)[2:] == who)


def refusals(copy: ClusterCopy, configuration: Manifest) -> list[str]:
    """Why the operator does not provision a configuration."""
    spec = configuration.get("spec") or {}
    pool = copy.pool(str(spec.get("gatewayNodepoolName", "")))
    found = []
    if pool is None or str(pool.get("mode")) != "Gateway":
        found.append("its node pool is not a gateway node pool")
    elif (pool.get("powerState") or {}).get("code", "Running") != "Running":
        found.append("its node pool is stopped")
    for each in spec.get("excludeCidrs") or ():
        try:
            ipaddress.ip_network(each)
        except ValueError:
            found.append(f"{each} is not a CIDR")
    own = str(spec.get("publicIpPrefixId") or "")
    if own and own.lower() not in copy.prefixes and copy.resource(own) is None:
        found.append("its own prefix was not read")
    if configuration["metadata"].get("deletionTimestamp"):
        found.append("it is being deleted")
    return found


def _install(copy: ClusterCopy) -> None:
    """The feature's CRDs and components, when it is enabled."""
    kinds = [f"{each}.egressgateway.kubernetes.azure.com" for each in _KINDS]
    copy.cluster = replace(copy.cluster, absent_kinds=tuple(k for k in copy.cluster.absent_kinds if k not in kinds))
    if copy.get("DaemonSet", SYSTEM, "kube-egress-gateway-cni-manager") is None:
        for each in named("base").objects:
            if each["metadata"].get("namespace") == SYSTEM and each["kind"] in ("DaemonSet", "Pod", "ServiceAccount"):
                copy.put(created(each, copy.stamp, ownerReferences=each["metadata"].get("ownerReferences")))
        if copy.get("Namespace", "", SYSTEM) is None:
            copy.put(created(model("Namespace", "", SYSTEM), copy.stamp))


def _concerned(copy: ClusterCopy, before: Cluster, configuration: Manifest) -> bool:
    """Whether the steps created the configuration, changed it, or changed its pool."""
    name = (configuration["metadata"].get("namespace"), configuration["metadata"]["name"])
    old = next(
        (
            each
            for each in before.objects
            if each["kind"] == "StaticGatewayConfiguration"
            and (each["metadata"].get("namespace"), each["metadata"]["name"]) == name
        ),
        None,
    )
    if old is None or old["metadata"].get("uid") != configuration["metadata"].get("uid"):
        return not (configuration.get("status") or {}).get("egressIpPrefix")
    if old.get("spec") != configuration.get("spec") or copy.upgraded or _newer_operator(copy, before):
        return True
    if old["metadata"].get("annotations") != configuration["metadata"].get("annotations"):
        return True
    if _underway(copy, configuration) or _allowed_now(copy, configuration):
        return True
    pool = str((configuration.get("spec") or {}).get("gatewayNodepoolName", "")).lower()
    return pool in copy.scaled or _pools(before).get(pool) != copy.pool(pool)


def _allowed_now(copy: ClusterCopy, configuration: Manifest) -> bool:
    """Whether a step removed what Azure named in the last error of the controller.

    The controller repeats the request by itself.
    """
    removed = {each for each in copy.exempted if each.startswith("/")} | copy.granted
    mine = [
        each
        for each in copy.of("Event")
        if (each.get("involvedObject") or {}).get("uid") == configuration["metadata"].get("uid")
        and each.get("type") == "Warning"
    ]
    last = max(mine, key=lambda each: str(each.get("lastTimestamp") or ""), default=None)
    return last is not None and any(each in str(last.get("message", "")).lower() for each in removed)


def _newer_operator(copy: ClusterCopy, before: Cluster) -> bool:
    """Whether a step brought another operator, which configures every node again."""
    images = [
        {
            each["metadata"]["name"]: [c.get("image") for c in each["spec"]["template"]["spec"].get("containers") or ()]
            for each in objects
            if each["kind"] == "DaemonSet" and each["metadata"].get("namespace") == SYSTEM
        }
        for objects in (before.objects, copy.cluster.objects)
    ]
    return any(images[0].get(name, new) != new for name, new in images[1].items())


def _underway(copy: ClusterCopy, configuration: Manifest) -> bool:
    """Whether it was created less than five minutes before the recording, without an error."""
    created_at = parse_moment(str(configuration["metadata"].get("creationTimestamp")))
    recorded = parse_moment(copy.recorded.captured_at)
    warned = any(
        (each.get("involvedObject") or {}).get("uid") == configuration["metadata"].get("uid")
        and each.get("type") == "Warning"
        for each in copy.of("Event")
    )
    young = created_at is not None and recorded is not None and recorded - created_at < timedelta(minutes=5)
    return young and not warned and not (configuration.get("status") or {}).get("egressIpPrefix")


def _provision(copy: ClusterCopy, configuration: Manifest) -> None:
    metadata, spec = configuration["metadata"], configuration["spec"]
    namespace, name = metadata["namespace"], metadata["name"]
    status = dict(configuration.get("status") or {})
    number = sum(map(ord, name)) % 100
    length = int(
        (copy.pool(spec["gatewayNodepoolName"]) or {}).get("gatewayProfile", {}).get("publicIPPrefixSize") or 31
    )
    prefix = status.get("egressIpPrefix") or _prefix(copy, spec, number, length)
    secret = f"sgw-{metadata['uid']}"
    profile = {
        "ip": "10.224.0.9",
        "port": 6000 + number,
        "publicKey": "jTLZ35ESPVAKXu7YcwlftXnUGluu9XNLk4wM8M04AAU=",
        "privateKeySecretRef": {"apiVersion": "v1", "kind": "Secret", "name": secret, "namespace": SYSTEM},
    }
    current = {**profile, **(status.get("gatewayServerProfile") or {})}
    owner = {**configuration, "status": {**status, "egressIpPrefix": prefix, "gatewayServerProfile": current}}
    copy.put(owner)
    if copy.get("Secret", SYSTEM, secret) is None:
        copy.put(created(model("Secret", SYSTEM), copy.stamp, name=secret))
    report_configured(copy, "private key")
    balancer = copy.get("GatewayLBConfiguration", namespace, name) or created(
        model("GatewayLBConfiguration", "team-egress"),
        copy.stamp,
        name=name,
        namespace=namespace,
        ownerReferences=owned_by(owner),
    )
    fields = {
        key: spec[key] for key in ("gatewayNodepoolName", "provisionPublicIps", "publicIpPrefixId") if key in spec
    }
    balancer["spec"] = fields
    balancer["status"] = {"frontendIp": current["ip"], "serverPort": current["port"], "egressIpPrefix": prefix}
    copy.put(balancer)
    machines = copy.get("GatewayVMConfiguration", namespace, name) or created(
        model("GatewayVMConfiguration", "team-egress"),
        copy.stamp,
        name=name,
        namespace=namespace,
        ownerReferences=owned_by(balancer),
    )
    machines["spec"] = fields
    known = {each.get("nodeName"): each for each in (machines.get("status") or {}).get("gatewayVMProfiles") or ()}
    nodes = _nodes(copy, spec["gatewayNodepoolName"])
    profiles = [known.get(node["metadata"]["name"]) or _profile(node, number) for number, node in enumerate(nodes)]
    machines["status"] = {"egressIpPrefix": prefix, "gatewayVMProfiles": profiles}
    copy.put(machines)
    for node, profile in zip(nodes, profiles, strict=True):
        _attach(copy, node, str(profile.get("secondaryIP")))


def _profile(node: Manifest, number: int) -> Manifest:
    return {
        "nodeName": node["metadata"]["name"],
        "primaryIP": _internal(node),
        "secondaryIP": f"10.224.0.{20 + number}",
    }


def _attach(copy: ClusterCopy, node: Manifest, address: str) -> None:
    """The address of a node on its network interface, if interfaces were recorded."""
    machine = str((node.get("spec") or {}).get("providerID", "")).removeprefix("azure://").lower()
    for each in copy.cluster.resources or ():
        if machine and str(each["id"]).lower().startswith(f"{machine}/networkinterfaces/"):
            present = list((each["properties"] or {}).get("ipConfigurations") or ())
            if not any((one.get("properties") or {}).get("privateIPAddress") == address for one in present):
                added = {"name": "egressgateway", "properties": {"privateIPAddress": address}}
                copy.merge_resource(str(each["id"]), {"properties": {"ipConfigurations": [*present, added]}})


def _prefix(copy: ClusterCopy, spec: Manifest, number: int, length: int) -> str:
    own = copy.resource(str(spec.get("publicIpPrefixId"))) if spec.get("publicIpPrefixId") else None
    return str(own["properties"]["ipPrefix"]) if own is not None else f"20.50.{100 + number}.0/{length}"


def _nodes(copy: ClusterCopy, pool: str) -> list[Manifest]:
    return [
        each
        for each in copy.of("Node")
        if str((each["metadata"].get("labels") or {}).get("kubernetes.azure.com/agentpool", "")).lower() == pool.lower()
    ]


def _internal(node: Manifest) -> str:
    addresses = (node.get("status") or {}).get("addresses") or ()
    return next((str(each["address"]) for each in addresses if each.get("type") == "InternalIP"), "")


def _pod_endpoints(copy: ClusterCopy) -> None:
    """A PodEndpoint for each running pod with the annotation that was created by a step."""
    for pod in copy.of("Pod"):
        metadata = pod["metadata"]
        configuration = (metadata.get("annotations") or {}).get(ANNOTATION)
        new = metadata.get("creationTimestamp") == copy.stamp and (pod.get("status") or {}).get("podIP")
        if not configuration or not new or copy.get("PodEndpoint", metadata["namespace"], metadata["name"]) is not None:
            continue
        endpoint = created(
            model("PodEndpoint", "team-egress"),
            copy.stamp,
            name=metadata["name"],
            namespace=metadata["namespace"],
            ownerReferences=owned_by(pod),
        )
        endpoint["spec"] = {
            "staticGatewayConfiguration": configuration,
            "podIpAddress": f"{pod['status']['podIP']}/32",
            "podPublicKey": "yF5ZCqysZHQfbiO56vzz9s510BabW6ITUQI40gAAcQI=",
        }
        copy.put(endpoint)


def _node_statuses(copy: ClusterCopy) -> None:
    """The configurations that each gateway node serves, written by its daemon.

    A daemon that was not restarted keeps what it served of configurations that no step changed.
    """
    for daemon in copy.of("Pod", SYSTEM):
        node = copy.get("Node", "", str((daemon.get("spec") or {}).get("nodeName", "")))
        if node is None or not daemon["metadata"]["name"].startswith("kube-egress-gateway-daemon"):
            continue
        if condition(daemon, "Ready") != "True" or condition(node, "Ready") != "True":
            continue
        name = node["metadata"]["name"]
        old = copy.get("GatewayStatus", SYSTEM, name)
        fresh = daemon["metadata"].get("creationTimestamp") == copy.stamp
        served = list(_served(copy, node, None if fresh else old))
        status = old or created(model("GatewayStatus", SYSTEM), copy.stamp, name=name, ownerReferences=owned_by(node))
        spec = {
            "readyGatewayConfigurations": [
                {"staticGatewayConfiguration": each, "interfaceName": f"wg-{port}"} for each, port in served
            ],
            "readyPeerConfigurations": _peers(copy, dict(served)),
        }
        copy.put({**status, "spec": spec})


def _served(copy: ClusterCopy, node: Manifest, old: Manifest | None) -> Iterable[tuple[str, int]]:
    pool = str((node["metadata"].get("labels") or {}).get("kubernetes.azure.com/agentpool", "")).lower()
    kept = {
        each["staticGatewayConfiguration"]
        for each in ((old or {}).get("spec") or {}).get("readyGatewayConfigurations") or ()
    }
    for each in copy.of("StaticGatewayConfiguration"):
        metadata = each["metadata"]
        profile = (each.get("status") or {}).get("gatewayServerProfile") or {}
        name = f"{metadata.get('namespace')}/{metadata['name']}"
        balancer = copy.get("GatewayLBConfiguration", metadata.get("namespace", ""), metadata["name"])
        changed = balancer is not None and not _same(balancer, copy.recorded)
        if str((each.get("spec") or {}).get("gatewayNodepoolName", "")).lower() != pool or not profile.get("port"):
            continue
        if old is None or name in kept or changed:
            yield name, int(profile["port"])


def _same(thing: Manifest, before: Cluster) -> bool:
    return any(identity(each) == identity(thing) and each == thing for each in before.objects)


def _peers(copy: ClusterCopy, served: dict[str, int]) -> list[Manifest]:
    found = []
    for each in copy.of("PodEndpoint"):
        metadata, spec = each["metadata"], each.get("spec") or {}
        name = f"{metadata['namespace']}/{spec.get('staticGatewayConfiguration')}"
        if name in served:
            entry = {
                "podEndpoint": f"{metadata['namespace']}/{metadata['name']}",
                "interfaceName": f"wg-{served[name]}",
            }
            found.append({**entry, "publicKey": spec.get("podPublicKey")})
    return found
