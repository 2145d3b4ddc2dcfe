"""az commands, as printed, on a copy of a cluster.

Their parameters set fields of Azure's answers.

The documented reactions of Azure are in `tests/simulation/controllers`. Raises NotSimulated for the rest.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from checks.steps.options import Parameters, az_verbs
from checks.steps.shell import ProgramCall
from tests.clusters.bundles import Manifest
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.controllers.istio_addon import restore_control_planes
from tests.simulation.refusals import NotSimulated, Refused, ValueUnknown

_ENTRY = re.compile(
    r"properties\.serviceMeshProfile\.istio\.components\.egressGateways\[name=(?P<name>[^]]+)\]\.enabled=(?P<enabled>true|false)"
)
_READING = frozenset(
    {
        "show",
        "list",
        "list-instances",
        "get-upgrades",
        "get-revisions",
        "check-acr",
        "get-credentials",
        "list-effective-nsg",
    }
)


def run(command: ProgramCall, copy: ClusterCopy) -> None:
    """Carry out one az command. Raises Refused or NotSimulated."""
    verbs, parameters = az_verbs(command.words[1:])
    if verbs[-1] in _READING:
        return
    if verbs[0] == "aks" and (other := _other_cluster(verbs, parameters, copy)):
        raise NotSimulated(f"cluster {other} is not the recorded one")
    if verbs not in _VERBS:
        raise NotSimulated(f"Azure's result of az {' '.join(verbs)} does not follow from the facts")
    parameters.values = {name: [_value(word, copy) for word in words] for name, words in parameters.values.items()}
    if any("$" in word and "$(" not in word for values in parameters.values.values() for word in values):
        raise ValueUnknown(f"az {' '.join(verbs)} has a value that its reader must know")
    _VERBS[verbs](parameters, copy)


_OF_READER = {"FIREWALL_IP": "10.9.0.4", "SUBNET_RANGE": "10.224.2.0/28"}
"""A value for each variable that the title of a step names."""
_VARIABLE = re.compile(r"\$\{(\w+):\?[^}]*\}")
_FRONTEND = re.compile(r"\$\(az network lb frontend-ip list .*privateIPAddress==`(?P<address>[\d.]+)`.*\)")


def _value(word: str, copy: ClusterCopy) -> str:
    """The word with the variables of the reader, or the output of the substitution that it is."""
    if (found := _FRONTEND.fullmatch(word)) is not None:
        return _subnet_with(found["address"], copy)
    return _VARIABLE.sub(lambda each: _OF_READER.get(each[1], each[0]), word)


def _subnet_with(address: str, copy: ClusterCopy) -> str:
    """The ID of the recorded subnet with the frontend's address. Raises NotSimulated."""
    for each in copy.cluster.resources or ():
        prefix = (each.get("properties") or {}).get("addressPrefix")
        if prefix and ip_address(address) in ip_network(str(prefix)):
            return str(each["id"])
    raise NotSimulated(f"no recorded subnet contains {address}")


def _other_cluster(verbs: tuple[str, ...], parameters: Parameters, copy: ClusterCopy) -> str:
    """The name of another cluster that the command is about; "" for the recorded one."""
    named = parameters.one("--cluster-name" if verbs[1] == "nodepool" else "--name")
    recorded = str((copy.cluster.managed_cluster or {}).get("name") or named)
    return named if named.lower() != recorded.lower() else ""


def _enable_egress_gateway(parameters: Parameters, copy: ClusterCopy) -> None:
    """The entry of the mesh profile: https://learn.microsoft.com/azure/aks/istio-deploy-egress."""
    name = parameters.one("--istio-egressgateway-name")
    namespace = parameters.one("--istio-egressgateway-namespace") or "aks-istio-egress"
    configuration = parameters.one("--gateway-configuration-name")
    istio = dict((copy.properties().get("serviceMeshProfile") or {}).get("istio") or {})
    if not istio:
        raise Refused("the Istio add-on is not enabled")
    components = istio.get("components") or {}
    entry = {"name": name, "namespace": namespace, "enabled": True, "gatewayConfigurationName": configuration}
    present = list(components.get("egressGateways") or ())
    if entry in [{key: each.get(key) for key in entry} for each in present]:
        raise Refused(
            f"{name} in namespace {namespace} is already enabled with gateway configuration name {configuration}"
        )
    known = [(each["name"], each.get("namespace")) == (name, namespace) for each in present]
    changed = [entry if same else each for each, same in zip(present, known, strict=True)]
    _mesh(copy, {"components": {"egressGateways": changed if any(known) else [*present, entry]}})


def _disable_egress_gateway(parameters: Parameters, copy: ClusterCopy) -> None:
    name, namespace = parameters.one("--istio-egressgateway-name"), parameters.one("--istio-egressgateway-namespace")
    istio = (copy.properties().get("serviceMeshProfile") or {}).get("istio") or {}
    entries = (istio.get("components") or {}).get("egressGateways") or ()
    changed = [
        {**each, "enabled": False} if (each["name"], each.get("namespace")) == (name, namespace) else each
        for each in entries
    ]
    _mesh(copy, {"components": {"egressGateways": changed}})


def _update_resource(parameters: Parameters, copy: ClusterCopy) -> None:
    """`az resource update` of a gateway with a name that `az aks mesh` refuses."""
    found = _ENTRY.fullmatch(parameters.one("--set"))
    if found is None:
        raise NotSimulated("az resource update with these values")
    istio = (copy.properties().get("serviceMeshProfile") or {}).get("istio") or {}
    entries = (istio.get("components") or {}).get("egressGateways") or ()
    if sum(each["name"] == found["name"] for each in entries) != 1:
        raise Refused(f"not exactly one egress gateway has the name {found['name']}")
    changed = [
        {**each, "enabled": found["enabled"] == "true"} if each["name"] == found["name"] else each for each in entries
    ]
    _mesh(copy, {"components": {"egressGateways": changed}})


def _enable_mesh(parameters: Parameters, copy: ClusterCopy) -> None:
    revision = parameters.one("--revision")
    if not revision:
        raise NotSimulated("az aks mesh enable chooses the newest revision")
    profile = {"mode": "Istio", "istio": {"revisions": [revision]}}
    copy.patch_azure({"managed_cluster": {"properties": {"serviceMeshProfile": profile}}})


def _mesh(copy: ClusterCopy, istio: Mapping[str, Any]) -> None:
    copy.patch_azure({"managed_cluster": {"properties": {"serviceMeshProfile": {"istio": istio}}}})


def _update(parameters: Parameters, copy: ClusterCopy) -> None:
    switched = {f"--{verb}-static-egress-gateway" for verb in ("enable", "disable")} & set(parameters.values)
    if switched:
        profile = {"staticEgressGatewayProfile": {"enabled": "--enable-static-egress-gateway" in switched}}
        copy.patch_azure({"managed_cluster": {"properties": {"networkProfile": profile}}})
    elif families := parameters.one("--ip-families"):
        _set_families(families.split(","), copy)
    elif set(parameters.values) - {"--resource-group", "--name", "--subscription"}:
        raise NotSimulated("az aks update with these parameters")
    else:
        copy.reconciled = True
        restore_control_planes(copy)


def _set_families(families: Sequence[str], copy: ClusterCopy) -> None:
    """The families, and the address ranges that Azure keeps of them."""
    network = copy.properties().get("networkProfile") or {}
    kept = [each for each in ("IPv4", "IPv6") if each.lower() in families]
    ranges = {
        name: [each for each in network.get(name) or () if ("IPv6" if ":" in each else "IPv4") in kept]
        for name in ("podCidrs", "serviceCidrs")
    }
    copy.patch_azure({"managed_cluster": {"properties": {"networkProfile": {"ipFamilies": kept, **ranges}}}})


def _start(parameters: Parameters, copy: ClusterCopy) -> None:
    """Only the power state: what runs after a start is not recorded."""
    copy.patch_azure({"managed_cluster": {"properties": {"powerState": {"code": "Running"}}}})


def _stop(parameters: Parameters, copy: ClusterCopy) -> None:
    copy.patch_azure({"managed_cluster": {"properties": {"powerState": {"code": "Stopped"}}}})


def _upgrade(parameters: Parameters, copy: ClusterCopy) -> None:
    copy.reconciled = copy.upgraded = True
    version = parameters.one("--kubernetes-version")
    properties = {"kubernetesVersion": version, "currentKubernetesVersion": f"{version}.0"}
    copy.patch_azure({"managed_cluster": {"properties": properties}})


def _pool_name(parameters: Parameters) -> str:
    return parameters.one("--nodepool-name", "--name", "-n")


def _add_pool(parameters: Parameters, copy: ClusterCopy) -> None:
    """A node pool (az aks nodepool add), in the subnet of the first pool if none is given."""
    name = _pool_name(parameters)
    if copy.pool(name) is not None:
        raise Refused(f"node pool {name} exists already")
    subnets = [each["properties"].get("vnetSubnetID") for each in copy.cluster.agent_pools or ()]
    gateway = parameters.one("--mode").lower() == "gateway"
    properties: Manifest = {
        "mode": "Gateway" if gateway else "User",
        "type": parameters.one("--vm-set-type") or "VirtualMachineScaleSets",
        "count": int(parameters.one("--node-count") or 3),
        "vmSize": parameters.one("--node-vm-size") or "Standard_D4s_v5",
        "availabilityZones": parameters.values.get("--zones"),
        "osType": "Linux",
        "osSKU": parameters.one("--os-sku") or "Ubuntu",
        "nodeLabels": dict(each.split("=", 1) for each in parameters.values.get("--labels", ())) or None,
        "nodeTaints": [each for each in parameters.one("--node-taints").split(",") if each] or None,
        "enableAutoScaling": False,
        "provisioningState": "Succeeded",
        "powerState": {"code": "Running"},
        "vnetSubnetID": parameters.one("--vnet-subnet-id") or (subnets[0] if subnets else None),
        "gatewayProfile": {"publicIPPrefixSize": int(parameters.one("--gateway-prefix-size") or 31)}
        if gateway
        else None,
    }
    copy.patch_azure({"agent_pools": {name: properties}})


def _scale_pool(parameters: Parameters, copy: ClusterCopy) -> None:
    _existing_pool(parameters, copy, {"count": int(parameters.one("--node-count"))})
    copy.scaled.add(_pool_name(parameters).lower())


def _start_pool(parameters: Parameters, copy: ClusterCopy) -> None:
    """Start a pool with as many nodes as it had: two if that is not recorded.

    Source: https://learn.microsoft.com/azure/aks/start-stop-nodepools.
    """
    stopped = copy.pool(_pool_name(parameters)) or {}
    _existing_pool(parameters, copy, {"powerState": {"code": "Running"}, "count": stopped.get("count") or 2})


def _existing_pool(parameters: Parameters, copy: ClusterCopy, properties: Manifest) -> None:
    name = _pool_name(parameters)
    if copy.pool(name) is None:
        raise Refused(f"node pool {name} does not exist")
    copy.patch_azure({"agent_pools": {name: properties}})


def _stop_pool(parameters: Parameters, copy: ClusterCopy) -> None:
    _existing_pool(parameters, copy, {"powerState": {"code": "Stopped"}})


def _delete_pool(parameters: Parameters, copy: ClusterCopy) -> None:
    name = _pool_name(parameters)
    if copy.pool(name) is None:
        raise Refused(f"node pool {name} does not exist")
    used = [
        each["metadata"]["name"]
        for each in copy.of("StaticGatewayConfiguration")
        if each.get("spec", {}).get("gatewayNodepoolName", "").lower() == name.lower()
    ]
    if used:
        raise Refused(f"node pool {name} is used by StaticGatewayConfiguration {used[0]}")
    copy.patch_azure({"agent_pools": {name: None}})


def _delete_machines(parameters: Parameters, copy: ClusterCopy) -> None:
    """The machines and their nodes are gone, and the pool has as many fewer."""
    names = parameters.values.get("--machine-names", [])
    nodes = [each for each in copy.of("Node") if each["metadata"]["name"] in names]
    if len(nodes) < len(names):
        raise Refused(f"not every one of {', '.join(names)} is a machine of the pool")
    count = (copy.pool(_pool_name(parameters)) or {}).get("count") or len(nodes)
    copy.drop([*nodes, *(each for each in copy.of("Pod") if (each.get("spec") or {}).get("nodeName") in names)])
    copy.drop(each for each in copy.of("GatewayStatus") if each["metadata"]["name"] in names)
    _existing_pool(parameters, copy, {"count": count - len(names)})
    copy.scaled.add(_pool_name(parameters).lower())


def _restart_machines(parameters: Parameters, copy: ClusterCopy) -> None:
    """Nodes report to Kubernetes again after their machines have restarted."""
    scale_set = f"/virtualmachinescalesets/{parameters.one('--name').lower()}/virtualmachines/"
    wanted = {scale_set + each for each in parameters.values.get("--instance-ids", [])}
    machines = [m for m in copy.of("Node") if any(_machine(m).endswith(each) for each in wanted)]
    if len(machines) < len(wanted):
        raise Refused("the scale set has no such instance")
    for node in machines:
        copy.restarted.add(node["metadata"]["name"])


def _machine(node: Manifest) -> str:
    return str((node.get("spec") or {}).get("providerID", "")).lower()


def _create_rule(parameters: Parameters, copy: ClusterCopy) -> None:
    """A security rule (az network nsg rule create)."""
    group = copy.resource(parameters.one("--nsg-name"))
    if group is None:
        raise NotSimulated(f"network security group {parameters.one('--nsg-name')} was not read")
    rules = list(group["properties"].get("securityRules") or ())
    name, priority = parameters.one("--name"), int(parameters.one("--priority"))
    direction = parameters.one("--direction") or "Inbound"
    for each in rules:
        found = each["properties"]
        if each["name"] != name and (int(found["priority"]), found["direction"]) == (priority, direction):
            raise Refused(f"rule {each['name']} has priority {priority} already")
    properties = {
        "priority": priority,
        "direction": direction,
        "access": parameters.one("--access") or "Allow",
        "protocol": parameters.one("--protocol") or "*",
        "sourcePortRange": "*",
        **_ends("source", "AddressPrefix", parameters.values.get("--source-address-prefixes", ["*"])),
        **_ends("destination", "AddressPrefix", parameters.values.get("--destination-address-prefixes", ["*"])),
        **_ends("destination", "PortRange", parameters.values.get("--destination-port-ranges", ["80"])),
    }
    rules = [each for each in rules if each["name"] != name]
    copy.merge_resource(
        str(group["id"]), {"properties": {"securityRules": [*rules, {"name": name, "properties": properties}]}}
    )


def _delete_rule(parameters: Parameters, copy: ClusterCopy) -> None:
    group = copy.resource(parameters.one("--nsg-name"))
    if group is None:
        raise NotSimulated(f"network security group {parameters.one('--nsg-name')} was not read")
    rules = [
        each for each in group["properties"].get("securityRules") or () if each["name"] != parameters.one("--name")
    ]
    copy.merge_resource(str(group["id"]), {"properties": {"securityRules": rules}})


def _move_rule(parameters: Parameters, copy: ClusterCopy) -> None:
    """Another priority for a security rule (az network nsg rule update)."""
    group = copy.resource(parameters.one("--nsg-name"))
    if group is None or set(parameters.values) - {*_GROUP, "--nsg-name", "--name", "--priority"}:
        raise NotSimulated("another change of a rule than its priority")
    priority = int(parameters.one("--priority"))
    rules = [
        {**each, "properties": {**each["properties"], "priority": priority}}
        if each["name"] == parameters.one("--name")
        else each
        for each in group["properties"].get("securityRules") or ()
    ]
    copy.merge_resource(str(group["id"]), {"properties": {"securityRules": rules}})


_GROUP = ("--resource-group", "--subscription")


def _change_route(parameters: Parameters, copy: ClusterCopy, hop: str = "") -> None:
    """Remove a route, or set its next hop (az network route-table route)."""
    table = copy.resource(parameters.one("--route-table-name"))
    if table is None:
        raise NotSimulated("the route table was not read")
    routes = []
    for each in table["properties"].get("routes") or ():
        if each["name"] != parameters.one("--name"):
            routes.append(each)
        elif hop:
            routes.append({**each, "properties": {**each["properties"], "nextHopType": hop}})
    copy.merge_resource(str(table["id"]), {"properties": {"routes": routes}})


def _create_route(parameters: Parameters, copy: ClusterCopy) -> None:
    """A new route; the order of routes has no meaning."""
    table = copy.resource(parameters.one("--route-table-name"))
    if table is None:
        raise NotSimulated("the route table was not read")
    given = {
        "addressPrefix": parameters.one("--address-prefix"),
        "nextHopType": parameters.one("--next-hop-type"),
        "nextHopIpAddress": parameters.one("--next-hop-ip-address"),
    }
    name = parameters.one("--name")
    new = {"name": name, "properties": {key: value for key, value in given.items() if value}}
    routes = [each for each in table["properties"].get("routes") or () if each["name"] != name]
    copy.merge_resource(str(table["id"]), {"properties": {"routes": [*routes, new]}})


def _update_route(parameters: Parameters, copy: ClusterCopy) -> None:
    _change_route(parameters, copy, parameters.one("--next-hop-type"))


def _ends(end: str, what: str, values: Sequence[str]) -> Manifest:
    words = [word for value in values for word in value.split()]
    plural = f"{end}{what}es" if what.endswith("x") else f"{end}{what}s"
    return {f"{end}{what}": words[0]} if len(words) == 1 else {plural: words}


def _exempt(parameters: Parameters, copy: ClusterCopy) -> None:
    """Azure Policy no longer applies the assignment.

    It removes the generated object whose assignment the command reads.
    """
    assignment = parameters.one("--policy-assignment")
    found = re.search(r"metadata\.name=([\w.-]+)", assignment)
    if found is None and not assignment.startswith("/"):
        raise NotSimulated("the exemption names neither an assignment nor an object that Azure Policy has generated")
    copy.exempted[found[1] if found is not None else assignment.lower()] = parameters.one("--name")
    copy.reconciled = True


def _end_exemption(parameters: Parameters, copy: ClusterCopy) -> None:
    ended = parameters.one("--name")
    if ended not in copy.exempted.values():
        raise Refused(f"there is no exemption {ended}")
    copy.exempted = {each: name for each, name in copy.exempted.items() if name != ended}
    copy.reconciled = True


def _create_prefix(parameters: Parameters, copy: ClusterCopy) -> None:
    """A public IP prefix, which no StaticGatewayConfiguration names yet."""
    scope = f"/subscriptions/{parameters.one('--subscription')}/resourceGroups/{parameters.one('--resource-group')}"
    name = parameters.one("--name")
    copy.prefixes.add(f"{scope}/providers/Microsoft.Network/publicIPPrefixes/{name}".lower())


def _assign_role(parameters: Parameters, copy: ClusterCopy) -> None:
    """A role on a resource.

    It allows every action on networks, so that a controller whose error names the resource as linked scope succeeds.
    """
    scope = parameters.one("--scope").lower()
    if scope in copy.prefixes:
        return  # before the controller reads the prefix
    if parameters.one("--role") == "Network Contributor" and _lacks_right(copy, scope):
        copy.granted.add(scope)
        copy.reconciled = True
        return
    raise NotSimulated(
        "role assignments are not read: whether the controller succeeds then does not follow from the facts"
    )


def _remove_role(parameters: Parameters, copy: ClusterCopy) -> None:
    copy.granted.discard(parameters.one("--scope").lower())


def _lacks_right(copy: ClusterCopy, scope: str) -> bool:
    texts = (str(each.get("message", "")).lower() for each in copy.of("Event"))
    return any("linkedauthorizationfailed" in each and f"'{scope}'" in each for each in texts)


def _create_table(parameters: Parameters, copy: ClusterCopy) -> None:
    """A route table without routes."""
    name, group = parameters.one("--name"), parameters.one("--resource-group")
    scope = f"/subscriptions/{parameters.one('--subscription')}/resourceGroups/{group}/providers/Microsoft.Network"
    copy.add_resource({"id": f"{scope}/routeTables/{name}", "name": name, "properties": {"routes": []}})


def _delete_table(parameters: Parameters, copy: ClusterCopy) -> None:
    copy.remove_resource(parameters.one("--name"))


def _create_subnet(parameters: Parameters, copy: ClusterCopy) -> None:
    name, group = parameters.one("--name"), parameters.one("--resource-group")
    scope = f"/subscriptions/{parameters.one('--subscription')}/resourceGroups/{group}/providers/Microsoft.Network"
    given = {
        option: {"id": parameters.one(f"--{words}")} if parameters.one(f"--{words}") else None
        for option, words in (
            ("networkSecurityGroup", "network-security-group"),
            ("routeTable", "route-table"),
            ("natGateway", "nat-gateway"),
        )
    }
    subnet_id = f"{scope}/virtualNetworks/{parameters.one('--vnet-name')}/subnets/{name}"
    properties = {"addressPrefix": parameters.one("--address-prefixes"), "provisioningState": "Succeeded", **given}
    copy.add_resource({"id": subnet_id, "name": name, "properties": properties})


def _delete_subnet(parameters: Parameters, copy: ClusterCopy) -> None:
    copy.remove_resource(parameters.one("--ids"))


def _update_subnet(parameters: Parameters, copy: ClusterCopy) -> None:
    """Associate a subnet with a route table or NAT gateway, or remove such a field."""
    subnet, table = copy.resource(parameters.one("--ids")), copy.resource(parameters.one("--route-table") or "-")
    removed, gateway = parameters.one("--remove"), parameters.one("--nat-gateway")
    if subnet is None or (table is None and not gateway and removed not in ("routeTable", "natGateway")):
        raise NotSimulated("the subnet or its route table was not read")
    set_to: Manifest = {"natGateway": {"id": gateway}} if gateway else {"routeTable": {"id": (table or {}).get("id")}}
    copy.merge_resource(str(subnet["id"]), {"properties": {removed: None} if removed else set_to})
    copy.forget_requests()


_VERBS: Mapping[tuple[str, ...], Callable[[Parameters, ClusterCopy], None]] = {
    ("aks", "mesh", "enable-egress-gateway"): _enable_egress_gateway,
    ("aks", "mesh", "disable-egress-gateway"): _disable_egress_gateway,
    ("resource", "update"): _update_resource,
    ("aks", "mesh", "enable"): _enable_mesh,
    ("aks", "update"): _update,
    ("aks", "start"): _start,
    ("aks", "stop"): _stop,
    ("aks", "upgrade"): _upgrade,
    ("aks", "nodepool", "add"): _add_pool,
    ("aks", "nodepool", "scale"): _scale_pool,
    ("aks", "nodepool", "start"): _start_pool,
    ("aks", "nodepool", "stop"): _stop_pool,
    ("aks", "nodepool", "delete"): _delete_pool,
    ("aks", "nodepool", "delete-machines"): _delete_machines,
    ("policy", "exemption", "create"): _exempt,
    ("policy", "exemption", "delete"): _end_exemption,
    ("vmss", "restart"): _restart_machines,
    ("vmss", "start"): _restart_machines,
    ("network", "nsg", "rule", "create"): _create_rule,
    ("network", "nsg", "rule", "delete"): _delete_rule,
    ("network", "nsg", "rule", "update"): _move_rule,
    ("network", "route-table", "route", "create"): _create_route,
    ("network", "route-table", "route", "update"): _update_route,
    ("network", "route-table", "route", "delete"): _change_route,
    ("network", "route-table", "create"): _create_table,
    ("network", "route-table", "delete"): _delete_table,
    ("network", "vnet", "subnet", "create"): _create_subnet,
    ("network", "vnet", "subnet", "delete"): _delete_subnet,
    ("network", "vnet", "subnet", "update"): _update_subnet,
    ("network", "public-ip", "prefix", "create"): _create_prefix,
    ("network", "public-ip", "prefix", "delete"): _create_prefix,
    ("role", "assignment", "create"): _assign_role,
    ("role", "assignment", "delete"): _remove_role,
}
