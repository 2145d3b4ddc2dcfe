"""Why a new pod of a Deployment would not become ready."""

from collections.abc import Iterator

from tests.clusters.bundles import Cluster, Manifest
from tests.clusters.compose import identity
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.controllers.egress_operator import ANNOTATION, refusals
from tests.simulation.controllers.healthy import condition

_ELSEWHERE = frozenset(
    {
        "ImagePullBackOff",
        "ErrImagePull",
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)


def start_obstacles(copy: ClusterCopy, deployment: Manifest) -> list[str]:
    """The obstacles that the facts still show, and those whose cause is not in the facts."""
    return [
        *_network(copy, deployment),
        *_containers(copy, copy.recorded, deployment),
        *_control_plane(copy, deployment),
    ]


def _network(copy: ClusterCopy, deployment: Manifest) -> Iterator[str]:
    """The faults of the pod's configuration with which the CNI plugin sets up no network."""
    name = (deployment["spec"]["template"]["metadata"].get("annotations") or {}).get(ANNOTATION)
    if not name:
        return
    configuration = copy.get("StaticGatewayConfiguration", identity(deployment)[2], name)
    if configuration is None:
        yield f"StaticGatewayConfiguration {name} does not exist"
        return
    if not ((configuration.get("status") or {}).get("gatewayServerProfile") or {}).get("ip"):
        yield f"StaticGatewayConfiguration {name} is not provisioned"
    if any("CIDR" in each for each in refusals(copy, configuration)):
        yield f"StaticGatewayConfiguration {name} excludes a range that is not a CIDR"


def _containers(copy: ClusterCopy, before: Cluster, deployment: Manifest) -> Iterator[str]:
    """A container that did not start before does not start now if its template is the same."""
    prefix = f"{identity(deployment)[3]}-"
    old = next((each for each in before.objects if identity(each)[1:] == identity(deployment)[1:]), None)
    if old is None or _containers_of(old) != _containers_of(deployment):
        return
    for pod in before.objects:
        if (
            pod["kind"] != "Pod"
            or identity(pod)[2] != identity(deployment)[2]
            or not identity(pod)[3].startswith(prefix)
        ):
            continue
        statuses = (pod.get("status") or {}).get("containerStatuses") or ()
        for status in statuses:
            reason = ((status.get("state") or {}).get("waiting") or {}).get("reason")
            if reason in _ELSEWHERE:
                yield f"its containers do not start ({reason}); the cause is not in the facts"
            elif (
                (status.get("state") or {}).get("running")
                and not status.get("ready")
                and not _blocked_before(copy, before)
            ):
                yield "its containers run and are not ready; the cause is not in the facts"
        if condition(pod, "PodScheduled") == "False" and not _room(copy, before, pod):
            yield "no node has room"


def _room(copy: ClusterCopy, before: Cluster, pod: Manifest) -> bool:
    """Whether a step added a node, or removed the last taint that kept the pod off one."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    message = next((str(each.get("message")) for each in conditions if each.get("type") == "PodScheduled"), "")
    old = {each["metadata"]["name"]: _taints(each) for each in before.objects if each["kind"] == "Node"}
    new = {each["metadata"]["name"]: _taints(each) for each in copy.of("Node")}
    if "Insufficient" in message:
        return any(name not in old and not taints for name, taints in new.items())
    return any(not taints and old.get(name, ["new"]) for name, taints in new.items())


def _taints(node: Manifest) -> list[str]:
    spec = node.get("spec") or {}
    found = [str(each.get("key")) for each in spec.get("taints") or () if each.get("effect") != "PreferNoSchedule"]
    return [*found, *(["unschedulable"] if spec.get("unschedulable") else [])]


def _blocked_before(copy: ClusterCopy, before: Cluster) -> bool:
    """Whether a step changed an object that can block a proxy's connections."""
    kinds = ("NetworkPolicy", "StaticGatewayConfiguration", "Deployment")
    old = {identity(each): each.get("spec") for each in before.objects if each["kind"] in kinds}
    new = {identity(each): each.get("spec") for each in copy.cluster.objects if each["kind"] in kinds}
    policies = {key: value for key, value in old.items() if key[1] == "NetworkPolicy"}
    return policies != {key: value for key, value in new.items() if key[1] == "NetworkPolicy"} or (
        copy.cluster.resources != before.resources
    )


def _containers_of(deployment: Manifest) -> list[Manifest]:
    return [
        {key: each.get(key) for key in ("name", "image", "resources", "args", "env")}
        for each in deployment["spec"]["template"]["spec"].get("containers") or ()
    ]


def _control_plane(copy: ClusterCopy, deployment: Manifest) -> Iterator[str]:
    """A proxy becomes ready when istiod of its revision has sent its configuration."""
    labels = deployment["spec"]["template"]["metadata"].get("labels") or {}
    revision = labels.get("istio.io/rev")
    if not revision or labels.get("app") == "istiod":
        return
    control_plane = copy.get("Deployment", "aks-istio-system", f"istiod-{revision}")
    if control_plane is None or not (control_plane.get("status") or {}).get("readyReplicas"):
        yield f"istiod of revision {revision} has no ready pod"
