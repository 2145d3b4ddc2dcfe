"""Actions that meet the requirements of private-IP mode."""

from checks.azure.cluster_upgrades import newer_components
from checks.azure.network import arm_resource, show_subnet
from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.pool_settings import add_pool, taken_over
from checks.facts.view import Facts
from checks.knowledge.known_issues import PRIVATE_IP_MODE_PREVIEW
from checks.model.commands import FW, SEGDOC, az_aks, change, disrupt, inspect, kubectl, quoted
from checks.model.findings import Action


def upgrade_actions(facts: Facts, version: str) -> list[Action]:
    """Upgrade the control plane to a Kubernetes version.

    The mode does not need newer nodes of the other pools.
    """
    major, minor = version.split(".")
    return [
        inspect("List the versions that the cluster can be upgraded to", az_aks(facts.cluster, "get-upgrades"), SEGDOC),
        newer_components(
            facts,
            (int(major), int(minor)),
            "which private-IP mode needs; no node is replaced",
            "status.egressIpPrefix lists the private addresses when the other requirements are met too: a node pool of type "
            "VirtualMachines, and a route for 0.0.0.0/0 before requests are answered",
        ),
        PRIVATE_IP_MODE_PREVIEW.compare,
    ]


PRIVATE_POOL = "gwprivate"
"""The name of the node pool that the mode gets."""


def new_pool_actions(facts: Facts, pool: AgentPool, namespace: str) -> list[Action]:
    """Add a gateway node pool of the type that the mode needs."""
    nodes = str(max(pool.count or 0, 2))
    given = {"--mode": "gateway", "--vm-set-type": "VirtualMachines", "--node-count": nodes}
    return [
        inspect("Show the node pool", az_aks(facts.cluster, "nodepool", "show", "-n", pool.name), SEGDOC),
        inspect(
            "List the pods that use the StaticGatewayConfiguration",
            kubectl("get", "pods", "-o", "wide", namespace=namespace),
        ),
        change(
            f"Create gateway node pool {PRIVATE_POOL} of type VirtualMachines{taken_over(pool, given)}",
            add_pool(facts.cluster, PRIVATE_POOL, given, pool),
            SEGDOC,
            f"{nodes} nodes are Ready",
        ),
    ]


_FIREWALL = '"${FIREWALL_IP:?private IP address of your firewall}"'
_TABLE = "egress-gateway"
"""The name of the route table that is created."""


def route_actions(facts: Facts, subnet: Subnet) -> list[Action]:
    """Add the outbound route that the mode does not create.

    It is that of another subnet of the cluster if one has a route to a firewall. Requires RouteTable and ManagedCluster
    declared.
    """
    found = next((each for each in facts.readable(RouteTable) if _firewall_of(each)), None)
    allow = _allowed(subnet)
    if found is not None and not subnet.route_table_id:
        title = f"Associate {found.ref} with {subnet.ref}: it sends 0.0.0.0/0 to {_firewall_of(found)}; {_CLOSED}"
        step = disrupt(title, _associate(subnet, found.id), SEGDOC, allow, undo=_dissociate(subnet))
        return [show_subnet(subnet.id), _allow_required(subnet), step]
    steps = [_allow_required(subnet), *([] if subnet.route_table_id else [_new_table(facts, subnet)])]
    table = subnet.route_table_id.rpartition("/")[2] or _TABLE
    steps += [_show_firewalls(facts), _default_route(facts, subnet, table)]
    if not subnet.route_table_id:
        title = f"Associate route table {table} with {subnet.ref}; {_CLOSED}"
        steps.append(disrupt(title, _associate(subnet, table), SEGDOC, allow, undo=_dissociate(subnet)))
    return [show_subnet(subnet.id), *steps]


_CLOSED = "open connections of its nodes to the Internet are closed"

_ADDRESS = "to_array(@)[].{name:name,address:properties.ipConfigurations[0].properties.privateIPAddress}"
"""Name and private address of one or several firewalls, in the answer of Azure."""


def _show_firewalls(facts: Facts) -> Action:
    """Show the private addresses of the firewalls, without an extension of the Azure CLI."""
    subscription = ("--subscription", facts.cluster.subscription) if facts.cluster.subscription else ()
    kind = ("--resource-type", "Microsoft.Network/azureFirewalls")
    listed = quoted("az", "resource", "list", *kind, *subscription, "--query", "[].id", "-o", "tsv")
    return inspect(
        "Show the private IP address of each Azure Firewall in the subscription",
        f"az resource show --ids $({listed}) {quoted('--query', _ADDRESS)} -o table",
        FW,
        "the value for FIREWALL_IP. An error without IDs: the firewall is in another subscription (use its ID), or is another "
        "product, whose owner knows the address",
    )


def _default_route(facts: Facts, subnet: Subnet, table: str) -> Action:
    """Create the route for 0.0.0.0/0, or change the one that the table has.

    Azure refuses a second route with the same prefix.
    """
    known = arm_resource(facts, RouteTable, subnet.route_table_id) if subnet.route_table_id else None
    present: list[str] = []
    group = subnet.resource_group
    if isinstance(known, RouteTable):
        present, group = [name for name, prefix, _, _ in known.routes if prefix == "0.0.0.0/0"], known.resource_group
    verb, name = ("update", present[0]) if present else ("create", "default")
    named = ("--resource-group", group, *_subscription(subnet), "--route-table-name", table, "--name", name)
    prefix = () if present else ("--address-prefix", "0.0.0.0/0")
    hop = ("--next-hop-type", "VirtualAppliance")
    command = quoted("az", "network", "route-table", "route", verb, *named, *prefix, *hop)
    done = f"{'Change' if present else 'Create'} the route for 0.0.0.0/0 in route table {table} so that it leads to"
    # Without an association the table changes no traffic yet.
    used = bool(subnet.route_table_id)
    return (disrupt if used else change)(
        f"{done} your firewall{f'; {_CLOSED}' if used else ''}; first set FIREWALL_IP to its private IP address",
        f"{command} --next-hop-ip-address {_FIREWALL}",
        SEGDOC,
        _allowed(subnet) if subnet.route_table_id else "the table sends traffic to the Internet to the firewall",
    )


def _allow_required(subnet: Subnet) -> Action:
    """Allow in the firewall what nodes and requests need, before the route sends them there.

    The firewall is not read: the table names only its address.
    """
    return change(
        f"Allow {', '.join(subnet.prefixes) or subnet.ref} in your firewall before the next steps: FQDN tag "
        "AzureKubernetesService, which the gateway nodes need, and the destinations of the gateway on their ports",
        "",
        FW,
        "the firewall has an application rule with the tag for HTTP and HTTPS, and network rules for the destinations. Without "
        "the first the nodes become NotReady when the route applies",
        verify=show_subnet(subnet.id).command,
        undo="remove the rules",
    )


def _allowed(subnet: Subnet) -> str:
    return f"the nodes stay Ready, and requests from {', '.join(subnet.prefixes) or subnet.ref} are answered"


def _firewall_of(table: RouteTable) -> str:
    """The address of the appliance to which the table sends 0.0.0.0/0, "" without one."""
    return next(
        (hop for _, prefix, kind, hop in table.routes if prefix == "0.0.0.0/0" and kind.lower() == "virtualappliance"),
        "",
    )


def _new_table(facts: Facts, subnet: Subnet) -> Action:
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    location = ("--location", cluster.location) if cluster is not None and cluster.location else ()
    command = quoted("az", "network", "route-table", "create", *_where(subnet), "--name", _TABLE, *location)
    undo = quoted("az", "network", "route-table", "delete", *_where(subnet), "--name", _TABLE)
    expect = "the table exists, and no subnet uses it yet"
    return change(f"Create route table {_TABLE}", command, SEGDOC, expect, undo=undo)


def _associate(subnet: Subnet, table: str) -> str:
    return quoted("az", "network", "vnet", "subnet", "update", "--ids", subnet.id, "--route-table", table)


def _dissociate(subnet: Subnet) -> str:
    return quoted("az", "network", "vnet", "subnet", "update", "--ids", subnet.id, "--remove", "routeTable")


def _subscription(subnet: Subnet) -> tuple[str, ...]:
    return ("--subscription", subnet.subscription) if subnet.subscription else ()


def _where(subnet: Subnet) -> tuple[str, ...]:
    return ("--resource-group", subnet.resource_group, *_subscription(subnet))
