"""The article's section about the static egress gateway."""

from collections.abc import Iterator

from tests.accuracy.runbook.reading import Json, Reading, label, stated
from tests.accuracy.scoring import Statement

_GROUP = "egressgateway.kubernetes.azure.com"
_ANNOTATION = "kubernetes.azure.com/static-gateway-configuration"
_MINUTES = 5  # "It can take up to about five minutes until an egressIpPrefix is assigned."


def steps(read: Reading) -> Iterator[Statement]:
    """SEG-1 to SEG-7, in the article's order."""
    entry = read.entry
    if entry is None or entry.get("enabled") is False:
        if read.managed_cluster and "managedClusters" not in read.failed:
            advice = "Enable the gateway: az aks mesh enable-egress-gateway"
            where = [f"ManagedCluster {read.managed_cluster.get('name')}"]
            yield stated("gateway-not-in-profile", where, "The mesh profile does not have the gateway", advice)
        return
    wanted = str(entry.get("gatewayConfigurationName"))
    configuration = read.get("StaticGatewayConfiguration", _GROUP, wanted)
    yield from _pods(read, wanted)
    if configuration is None:
        if f"staticgatewayconfigurations.{_GROUP}" not in read.failed:
            where = [f"StaticGatewayConfiguration {read.namespace}/{wanted}"]
            yield stated("gateway-configuration-missing", where, f"{where[0]} does not exist", _new(read))
        return
    if configuration["metadata"].get("deletionTimestamp"):
        text = f"{label(configuration)} is being deleted"
        yield stated("gateway-configuration-terminating", [label(configuration)], text, _new(read))
    yield from _prefix(read, configuration)
    yield from _pool(read, configuration)
    yield from _requests(read, configuration)


def _new(read: Reading) -> str:
    """SEG-7."""
    return (
        "Create a new StaticGatewayConfiguration (kind: StaticGatewayConfiguration) in the same namespace, then run "
        f"az aks mesh enable-egress-gateway --istio-egressgateway-name {read.name} --gateway-configuration-name NEW"
    )


def _pods(read: Reading, wanted: str) -> Iterator[Statement]:
    """SEG-1: the pods' annotation names the configuration of the profile."""
    for pod in read.gateway_pods:
        found = (pod["metadata"].get("annotations") or {}).get(_ANNOTATION)
        if found != wanted:
            text = f"{label(pod)} has the annotation {found}, and the profile names {wanted}"
            yield stated("annotation-mismatch", [label(pod)], text)
            return


def _prefix(read: Reading, configuration: Json) -> Iterator[Statement]:
    """SEG-2: an egress IP prefix is assigned, after about five minutes."""
    if (configuration.get("status") or {}).get("egressIpPrefix"):
        return
    if read.minutes_since(configuration["metadata"].get("creationTimestamp")) <= _MINUTES:
        read.waits = True
        return
    messages = [
        event.get("message", "")
        for event in read.objects("Event", "")
        if event["involvedObject"].get("name") == configuration["metadata"]["name"] and event.get("type") == "Warning"
    ]
    text = f"{label(configuration)} has no egressIpPrefix: {messages[-1] if messages else 'no event'}"
    yield stated("egress-prefix-unassigned", [label(configuration)], text, _new(read))


def _pool(read: Reading, configuration: Json) -> Iterator[Statement]:
    """SEG-3: the agent pool exists and is of mode Gateway."""
    name = configuration["spec"].get("gatewayNodepoolName")
    if not name or not read.pools:
        return
    pool = next((each for each in read.pools if each["name"] == name), None)
    if pool is None or pool.get("mode") != "Gateway":
        text = f"{label(configuration)} names agent pool {name}, which is not a valid agent pool of mode Gateway"
        advice = "Make sure that spec.gatewayNodepoolName names a valid agent pool of mode Gateway"
        yield stated("gateway-pool-missing", [label(configuration), f"AgentPool {name}"], text, advice)


def _requests(read: Reading, configuration: Json) -> Iterator[Statement]:
    """SEG-4 and SEG-5, if their results were recorded: the source address is of the prefix."""
    prefix = str((configuration.get("status") or {}).get("egressIpPrefix") or "")
    restart = f"kubectl rollout restart deployment -n {read.namespace}"
    for probe in read.cluster.probes:
        address = str(probe.get("address") or probe.get("source_address") or "")
        if prefix and address.rpartition(".")[0] != prefix.rpartition(".")[0]:
            kind = "source-address-wrong" if probe.get("step") == "gateway" else "uninjected-pod-fails"
            yield stated(
                kind, [label(configuration)], f"The request has the source address {address or 'none'}", restart
            )
