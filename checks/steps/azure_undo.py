"""The command that takes an az command back, by Azure's answers as they were read."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence

from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import EgressGatewayEntry, ManagedCluster
from checks.facts.network_resources import ArmFact, RouteTable, Subnet
from checks.facts.security_groups import NetworkSecurityGroup
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.store import FactStore
from checks.steps.inverse import NoInverse
from checks.steps.objects import StateUnknown
from checks.steps.options import Parameters, az_verbs
from checks.steps.shell import ProgramCall

_NAMES = (
    *("--resource-group", "--cluster-name", "--name", "--subscription", "--nodepool-name", "--nsg-name"),
    *("--route-table-name", "--ids", "--istio-egressgateway-name", "--istio-egressgateway-namespace"),
    *("--scope", "--role", "--instance-ids", "--resource-type"),
)
"""The parameters that name what a command is about."""

_Undo = Callable[[Parameters, FactStore], str]


def azure_undo(command: ProgramCall, store: FactStore) -> str:
    """The command that takes an az command back, or a sentence if none does.

    It is "" if that is not known.

    Raises NoInverse or StateUnknown.
    """
    verbs, parameters = az_verbs(command.words[1:])
    given = _VERBS.get(verbs)
    return given(parameters, store) if given is not None else ""


def az_command(verbs: Sequence[str], parameters: Parameters, *options: str) -> str:
    """An az command about the same object; `options` follow the parameters that name it."""
    words = ["az", *verbs]
    for name in _NAMES:
        if name in parameters:
            words += [name, *parameters.values[name]]
    return " ".join(map(_word, (*words, *options)))


def _word(word: str) -> str:
    """A word as the shell reads it; one with a variable stays in double quotes."""
    return f'"{word}"' if "$" in word else shlex.quote(word)


def _instead(*verbs: str) -> _Undo:
    """Another command about the same object."""
    return lambda parameters, _: az_command(verbs, parameters)


def _sentence(words: str) -> _Undo:
    return lambda _, __: words


def _pool_name(parameters: Parameters) -> str:
    return parameters.one("--nodepool-name", "--name", "-n")


def _pool(parameters: Parameters, store: FactStore) -> AgentPool:
    name = _pool_name(parameters).lower()
    pools = [*store.known(AgentPool), *(pool for each in store.known(ManagedCluster) for pool in each.pools)]
    found = next((each for each in pools if each.name.lower() == name), None)
    if found is None:
        raise StateUnknown(f"node pool {name} was not read")
    return found


def _delete_pool(parameters: Parameters, store: FactStore) -> str:
    command = az_command(("aks", "nodepool", "delete"), parameters)
    name = _pool_name(parameters).lower()
    users = [each for each in store.known(StaticGatewayConfiguration) if each.pool.lower() == name]
    return f"`{command}`, after its StaticGatewayConfigurations ({users[0].ref})" if users else command


def _scale(parameters: Parameters, store: FactStore) -> str:
    count = _pool(parameters, store).count
    if count is None:
        raise StateUnknown("the number of nodes was not read")
    return az_command(("aks", "nodepool", "scale"), parameters, "--node-count", str(count))


def _update_pool(parameters: Parameters, store: FactStore) -> str:
    if "--disable-cluster-autoscaler" not in parameters:
        return _RECONCILED
    pool = _pool(parameters, store)
    least, most = pool.raw.get("mincount"), pool.raw.get("maxcount")
    if not isinstance(least, int) or not isinstance(most, int):
        raise StateUnknown("the limits of the cluster autoscaler were not read")
    limits = ("--enable-cluster-autoscaler", "--min-count", str(least), "--max-count", str(most))
    return az_command(("aks", "nodepool", "update"), parameters, *limits)


_RECONCILED = "nothing to take back: the command sets no value"


def _update(parameters: Parameters, store: FactStore) -> str:
    if "--enable-static-egress-gateway" in parameters:
        if any(each.static_egress_enabled for each in store.known(ManagedCluster)):
            return "nothing to take back: the static egress gateway was enabled"
        return az_command(("aks", "update"), parameters, "--disable-static-egress-gateway")
    if "--api-server-authorized-ip-ranges" in parameters:
        cluster = next(iter(store.known(ManagedCluster)), None)
        if cluster is None:
            raise StateUnknown("the authorized IP ranges were not read")
        ranges = ",".join(cluster.authorized_ranges)
        return az_command(("aks", "update"), parameters, "--api-server-authorized-ip-ranges", ranges)
    return _RECONCILED


def _entry(parameters: Parameters, store: FactStore) -> EgressGatewayEntry | None:
    """The gateway in the mesh profile; None if it has none. Raises NoInverse."""
    cluster = next(iter(store.known(ManagedCluster)), None)
    if cluster is None or not cluster.has_profile:
        raise StateUnknown("the mesh profile was not read")
    name = parameters.one("--istio-egressgateway-name")
    namespace = parameters.one("--istio-egressgateway-namespace") or EgressGatewayEntry.DEFAULT_NAMESPACE
    return next((e for e in cluster.egress_gateways if (e.name, e.namespace) == (name, namespace)), None)


def _enable_gateway(parameters: Parameters, store: FactStore) -> str:
    entry = _entry(parameters, store)
    if entry is None or not entry.enabled:
        return az_command(("aks", "mesh", "disable-egress-gateway"), parameters)
    if not entry.configuration or entry.configuration == parameters.one("--gateway-configuration-name"):
        return "nothing to take back: the profile had this value"
    return _enabled(parameters, entry)


def _enabled(parameters: Parameters, entry: EgressGatewayEntry) -> str:
    configuration = ("--gateway-configuration-name", entry.configuration)
    return az_command(("aks", "mesh", "enable-egress-gateway"), parameters, *configuration)


def _disable_gateway(parameters: Parameters, store: FactStore) -> str:
    entry = _entry(parameters, store)
    if entry is None or not entry.configuration:
        raise NoInverse("the gateway's StaticGatewayConfiguration is not in the mesh profile")
    return _enabled(parameters, entry)


def _named(found: Sequence[ArmFact], name: str) -> ArmFact:
    thing = next((each for each in found if name.lower() in (each.id.lower(), each.name.lower())), None)
    if thing is None:
        raise StateUnknown(f"{name} was not read")
    return thing


def _route(parameters: Parameters, store: FactStore) -> tuple[str, str, str, str]:
    table = _named(store.known(RouteTable), parameters.one("--route-table-name"))
    routes = table.routes if isinstance(table, RouteTable) else ()
    found = next((each for each in routes if each[0] == parameters.one("--name")), None)
    if found is None:
        raise StateUnknown("the route was not read")
    return found


def _restored_route(verb: str) -> _Undo:
    def undo(parameters: Parameters, store: FactStore) -> str:
        _, prefix, hop, address = _route(parameters, store)
        options = ["--address-prefix", prefix] if verb == "create" else []
        options += ["--next-hop-type", hop, *(("--next-hop-ip-address", address) if address else ())]
        return az_command(("network", "route-table", "route", verb), parameters, *options)

    return undo


def _rule_priority(parameters: Parameters, store: FactStore) -> str:
    group = _named(store.known(NetworkSecurityGroup), parameters.one("--nsg-name"))
    rules = group.rules if isinstance(group, NetworkSecurityGroup) else ()
    rule = next((each for each in rules if each.name == parameters.one("--name")), None)
    if rule is None:
        raise StateUnknown("the rule was not read")
    return az_command(("network", "nsg", "rule", "update"), parameters, "--priority", str(rule.priority))


def _delete_assignment(parameters: Parameters, store: FactStore) -> str:
    del store
    who = parameters.one("--assignee-object-id")
    return az_command(("role", "assignment", "delete"), parameters, "--assignee", who)


def _update_subnet(parameters: Parameters, store: FactStore) -> str:
    subnet = _named(store.known(Subnet), parameters.one("--ids"))
    if not isinstance(subnet, Subnet):
        raise StateUnknown("the subnet was not read")
    verbs = ("network", "vnet", "subnet", "update")
    if parameters.one("--remove") == "natGateway" and subnet.nat_gateway_id:
        return az_command(verbs, parameters, "--nat-gateway", subnet.nat_gateway_id)
    services = [service for service, _ in subnet.service_endpoints]
    if services and ("--service-endpoints" in parameters or parameters.one("--remove") == "serviceEndpoints"):
        return az_command(verbs, parameters, "--service-endpoints", *services)
    raise StateUnknown("the previous value of the subnet was not read")


def _update_resource(parameters: Parameters, store: FactStore) -> str:
    """Switch a gateway of the mesh profile back.

    An update without a value repeats the last one.
    """
    written = parameters.one("--set")
    if not written:
        return _RECONCILED
    field, _, value = written.rpartition("=")
    named = _ENTRY_NAME.search(field)
    entries = [each for cluster in store.known(ManagedCluster) for each in cluster.egress_gateways]
    present = [each for each in entries if named is not None and each.name == named[1]]
    if len(present) != 1 or value not in ("true", "false"):
        raise StateUnknown("the previous value was not read")
    before = str(present[0].enabled).lower()
    if before == value:
        return "nothing to take back: the profile had this value"
    return az_command(("resource", "update"), parameters, "--set", f"{field}={before}")


_ENTRY_NAME = re.compile(r"egressGateways\[name=([^]]+)\]\.enabled$")


_RESTARTED = _sentence("nothing to take back: the machines keep their disks and settings")

_VERBS: Mapping[tuple[str, ...], _Undo] = {
    ("aks", "create"): _instead("aks", "delete"),
    ("aks", "nodepool", "add"): _delete_pool,
    ("aks", "nodepool", "delete"): _sentence("no command takes it back: a new pool of this name has new machines"),
    ("aks", "nodepool", "delete-machines"): _sentence("no command takes it back: a deleted machine does not return"),
    ("aks", "nodepool", "scale"): _scale,
    ("aks", "nodepool", "start"): _instead("aks", "nodepool", "stop"),
    ("aks", "nodepool", "update"): _update_pool,
    ("aks", "nodepool", "upgrade"): _sentence("no command takes it back: Azure installs no older node image"),
    ("aks", "start"): _instead("aks", "stop"),
    ("aks", "update"): _update,
    ("aks", "upgrade"): _sentence("no command takes it back: a Kubernetes version is never lowered"),
    ("aks", "update-credentials"): _sentence("no command takes it back: the previous secret is not known"),
    ("aks", "command", "invoke"): _sentence("nothing to take back: Azure deletes the pod"),
    ("aks", "mesh", "enable"): _instead("aks", "mesh", "disable"),
    ("aks", "mesh", "enable-egress-gateway"): _enable_gateway,
    ("aks", "mesh", "disable-egress-gateway"): _disable_gateway,
    ("aks", "mesh", "upgrade", "start"): _instead("aks", "mesh", "upgrade", "rollback"),
    ("aks", "mesh", "upgrade", "complete"): _sentence("no command takes it back: the old revision is removed"),
    ("aks", "mesh", "upgrade", "rollback"): _sentence("start the upgrade again (`az aks mesh upgrade start`)"),
    ("network", "nsg", "rule", "create"): _instead("network", "nsg", "rule", "delete"),
    ("network", "nsg", "rule", "update"): _rule_priority,
    ("network", "public-ip", "delete"): _sentence("no command takes it back: Azure can assign the addresses to others"),
    ("network", "public-ip", "prefix", "create"): _instead("network", "public-ip", "prefix", "delete"),
    ("network", "route-table", "route", "create"): _instead("network", "route-table", "route", "delete"),
    ("network", "route-table", "route", "delete"): _restored_route("create"),
    ("network", "route-table", "route", "update"): _restored_route("update"),
    ("network", "vnet", "subnet", "update"): _update_subnet,
    ("policy", "exemption", "create"): _instead("policy", "exemption", "delete"),
    ("resource", "update"): _update_resource,
    ("role", "assignment", "create"): _delete_assignment,
    ("vm", "restart"): _RESTARTED,
    ("vm", "start"): _instead("vm", "deallocate"),
    ("vmss", "restart"): _RESTARTED,
    ("vmss", "start"): _instead("vmss", "deallocate"),
}
