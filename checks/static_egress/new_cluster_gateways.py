"""The steps that move egress gateways and mesh objects to a second cluster."""

from collections.abc import Iterator
from dataclasses import replace

from checks.azure.new_clusters import new_cluster
from checks.facts.managed_cluster import EgressGatewayEntry, ManagedCluster
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import (
    AZ_VERSION,
    HOWTO,
    MESHCFG,
    SEGDOC,
    change,
    disable_gateway,
    enable_gateway,
    kubectl,
    kubectl_apply,
    quoted,
)
from checks.model.findings import Action
from checks.model.kubectl_context import command_in_context
from checks.static_egress.configuration_yaml import (
    POOL_PLACEHOLDER,
    cluster_ranges,
    manifest_excluding,
    manifest_like,
    pool_note,
)
from checks.static_egress.procedures import wait_for_prefix

_MESH_KINDS = (
    *(f"{each}.networking.istio.io" for each in ("gateways", "virtualservices", "destinationrules", "serviceentries")),
    *(f"{each}.networking.istio.io" for each in ("sidecars", "envoyfilters")),
    *(
        f"{each}.security.istio.io"
        for each in ("authorizationpolicies", "peerauthentications", "requestauthentications")
    ),
    "telemetries.telemetry.istio.io",
)
"""The kinds of Istio that the add-on installs and that decide about the route of a host."""
_SYSTEM = "aks-istio-system"


def move_gateways(facts: Facts) -> tuple[Action, ...]:
    """Create the gateways of this cluster in the second one, and copy their mesh objects.

    The first cluster stays as it is. Requires ManagedCluster and StaticGatewayConfiguration declared.
    """
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    gateways = [each for each in (cluster.egress_gateways if cluster is not None else ()) if each.enabled]
    if not gateways:
        return ()
    names = dict.fromkeys((each.namespace, each.configuration) for each in gateways if each.configuration)
    namespaces = tuple(dict.fromkeys(each.namespace for each in gateways))
    return (
        _copy_namespaces(facts, namespaces),
        *(step for namespace, name in names for step in _configuration(facts, namespace, name)),
        *(_enable(facts, each) for each in gateways),
        *_copy_settings(facts, cluster),
        *(_copy_mesh_objects(facts, each) for each in namespaces),
        _move_workloads(facts, gateways),
    )


def _there(facts: Facts, command: str) -> str:
    """The command for the second cluster."""
    return command_in_context(command, new_cluster(facts).aks_name)


def _copied(facts: Facts, *words: str, namespace: str = "") -> str:
    """The command that reads objects in this cluster and applies them in the second one.

    `kubectl apply` ignores their status, UID and resourceVersion.
    """
    read = kubectl("get", *words, "-o", "yaml", namespace=namespace)
    return f"{read} | {_there(facts, kubectl('apply', '-f', '-'))}"


def _copy_namespaces(facts: Facts, namespaces: tuple[str, ...]) -> Action:
    one = len(namespaces) == 1
    return change(
        f"Create namespace{'' if one else 's'} {', '.join(namespaces)} in {new_cluster(facts).aks_name}, with "
        f"{'its' if one else 'their'} labels",
        _copied(facts, "namespace", *namespaces),
        HOWTO,
        "the label istio.io/rev, if there is one, names a revision of the new cluster",
        verify=_there(facts, kubectl("get", "namespace", *namespaces, "--show-labels")),
        undo=_there(facts, kubectl("delete", "namespace", *namespaces)),
    )


def _configuration(facts: Facts, namespace: str, name: str) -> Iterator[Action]:
    """A StaticGatewayConfiguration with the fields of the one in this cluster, and its prefix."""
    known = facts.readable(StaticGatewayConfiguration, namespace)
    old = next((each for each in known if each.name == name), None)
    pools = [each.name for cluster in facts.readable(ManagedCluster) for each in cluster.pools if each.is_gateway]
    pool = (old.pool if old is not None else "") or next(iter(pools), POOL_PLACEHOLDER)
    manifest = (
        manifest_like(old, name, pool, replaces=False)
        if old is not None
        # Pods and Services have the usual ranges in both clusters, unless one was created with others; nodes have own subnets.
        else manifest_excluding(cluster_ranges(facts), namespace, name, pool)
    )
    wait = wait_for_prefix(namespace, name, old.egress_prefix if old is not None else "")
    resource = ("staticgatewayconfiguration", name)
    yield change(
        f"Create StaticGatewayConfiguration {namespace}/{name} in {new_cluster(facts).aks_name}{pool_note(pool)}",
        _there(facts, kubectl_apply(manifest)),
        SEGDOC,
        "the controller assigns its prefix within minutes",
        verify=_there(facts, kubectl("get", *resource, "-o", "yaml", namespace=namespace)),
        undo=_there(facts, kubectl("delete", *resource, namespace=namespace)),
    )
    yield replace(wait, command=_there(facts, wait.command))


def _enable(facts: Facts, gateway: EgressGatewayEntry) -> Action:
    new = new_cluster(facts)
    return change(
        f"Enable egress gateway {gateway.namespace}/{gateway.name} in {new.aks_name} ({AZ_VERSION})",
        enable_gateway(new, gateway.namespace, gateway.name, gateway.configuration),
        HOWTO,
        "its pods are Ready within minutes, and their annotation names the StaticGatewayConfiguration",
        verify=_there(facts, kubectl("get", "pods", "-o", "wide", namespace=gateway.namespace)),
        undo=disable_gateway(new, gateway.namespace, gateway.name),
    )


def _copy_settings(facts: Facts, cluster: ManagedCluster | None) -> Iterator[Action]:
    """Copy the mesh settings of the user, such as the outbound traffic policy."""
    if cluster is None or not cluster.revisions:
        return
    name = f"istio-shared-configmap-{cluster.revisions[-1]}"
    yield change(
        f"Copy the mesh settings, if this cluster has ConfigMap {_SYSTEM}/{name}",
        _copied(facts, "configmap", name, "--ignore-not-found", namespace=_SYSTEM),
        MESHCFG,
        "istiod reads them within seconds. Without the ConfigMap kubectl reports that no objects were passed, and nothing "
        "changes",
        verify=_there(facts, kubectl("get", "configmap", name, "--ignore-not-found", "-o", "yaml", namespace=_SYSTEM)),
        undo=_there(facts, kubectl("delete", "configmap", name, "--ignore-not-found", namespace=_SYSTEM)),
    )


def _copy_mesh_objects(facts: Facts, namespace: str) -> Action:
    kinds = ",".join(_MESH_KINDS)
    return change(
        f"Copy the Istio objects of namespace {namespace} to {new_cluster(facts).aks_name}",
        _copied(facts, kinds, namespace=namespace),
        HOWTO,
        "each object is listed as created. Repeat it for each namespace whose workloads move, and create the Secrets that "
        "credentialName names from your own files",
        verify=_there(facts, kubectl("get", kinds, namespace=namespace)),
        undo=_there(facts, kubectl("delete", kinds, "--all", namespace=namespace)),
    )


def _move_workloads(facts: Facts, gateways: list[EgressGatewayEntry]) -> Action:
    new, first = new_cluster(facts).aks_name, gateways[0]
    return change(
        f"Create the workloads in {new} from your own manifests, then send their clients there",
        "",
        SEGDOC,
        f"requests leave from the prefixes of {new}. When nothing uses {facts.cluster.aks_name} any more, delete it: it costs "
        "money until then",
        verify=quoted("egress-diag", "diagnose", new, f"{first.namespace}/{first.name}"),
        undo=f"send the clients back to {facts.cluster.aks_name}, where everything still exists",
    )
