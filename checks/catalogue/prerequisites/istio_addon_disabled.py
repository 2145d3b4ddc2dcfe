"""EG102: the Istio add-on is not enabled."""

from collections.abc import Iterator

from checks.azure.unread import azure_not_read, incomplete_answer
from checks.engine.check import check
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.commands import ADDON, az_aks, change, disrupt, inspect, kubectl
from checks.model.findings import Action, Evidence, Observation, Scope, Severity, fail, healthy, unknown
from checks.static_egress.restored_gateways import restore_objects


@check(
    code="EG102",
    title="The Istio add-on is not enabled",
    severity=Severity.BLOCKS,
    article=("overview",),
    scope=Scope.AZURE,
    reads=(ManagedCluster, Deployment, Pod),
)
def istio_addon_disabled(facts: Facts) -> Iterator[Observation]:
    """What it checks: `serviceMeshProfile.mode` and the installed revisions. Mode `Disabled` or none, or no revision,
    fails; further checks of the gateway then do not apply.

    Why it matters: egress gateways are part of the add-on. Without it there is no istiod, no proxy and no gateway.

    What usually fixes it: `az aks mesh enable`. A self-managed Istio in the same cluster is not supported.

    Source: article, overview; AKS documentation, "Deploy Istio-based service mesh add-on for Azure Kubernetes
    Service"."""
    show = inspect("Show the mesh profile", az_aks(facts.cluster, "show", "--query", "serviceMeshProfile"), ADDON)
    cluster = facts.one(ManagedCluster)
    if cluster is None:
        yield azure_not_read("The mesh profile is", [show])
        return
    mode, revisions = cluster.mesh_mode, cluster.revisions
    evidence = [
        Evidence(cluster.ref, "serviceMeshProfile.mode", mode or "(not set)", "Istio"),
        Evidence(cluster.ref, "serviceMeshProfile.istio.revisions", ", ".join(revisions) or "(none)", "one or two"),
    ]
    if mode.lower() == "istio" and revisions:
        yield healthy(f"The Istio add-on of {cluster.ref} runs {_listed(revisions)}.", evidence=evidence)
    elif not mode and not cluster.complete:
        yield incomplete_answer([show])
    elif mode.lower() not in ("", "disabled", "istio"):
        yield unknown(
            f"It is not known what mode {mode} of the mesh profile of {cluster.ref} means.",
            evidence=evidence,
            actions=[show],
        )
    else:
        installed = _installed(facts)
        off = mode.lower() in ("", "disabled")
        lacks = "not enabled" if off else f"in mode {mode}, with no revisions installed"
        yield fail(
            f"The Istio add-on of {cluster.ref} is {lacks}.",
            subject=cluster.ref,
            evidence=evidence,
            actions=[
                change(
                    f"Enable the Istio add-on{_as_before(installed)}",
                    az_aks(facts.cluster, "mesh", "enable", *(("--revision", installed) if installed else ())),
                    ADDON,
                    "serviceMeshProfile.mode is Istio and istiod runs in aks-istio-system",
                ),
                *_enable_gateway(facts),
                *_restart_clients(facts),
                show,
            ],
            stops=Scope.GATEWAY,
        )


def _installed(facts: Facts) -> str:
    """The newest mesh revision whose istiod or gateway the cluster still has, "" for none."""
    names = [each.name.rpartition("-asm-")[2] for each in facts.readable(Deployment) if "-asm-" in each.name]
    return f"asm-{max(names, key=_version)}" if names else ""


def _version(revision: str) -> tuple[int, ...]:
    return tuple(int(each) for each in revision.split("-") if each.isdecimal())


def _as_before(revision: str) -> str:
    return f" with revision {revision}, whose Deployments the cluster still has" if revision else ""


def _enable_gateway(facts: Facts) -> list[Action]:
    """The gateway's entry of the profile, which the disabled add-on has lost."""
    gateway = facts.gateway
    if not gateway.configuration:
        return []
    return restore_objects(
        facts,
        f"Enable {gateway.ref} again",
        f"restores the objects of {gateway.ref}",
        ADDON,
        "its Deployment and Service exist after a few minutes",
    )


def _restart_clients(facts: Facts) -> Iterator[Action]:
    """Restart the Deployments with sidecars, which need certificates of the new CA."""
    with_sidecar = [each for each in facts.readable(Pod) if each.proxy is not None and each.deployment]
    gateways = {(facts.gateway.namespace, each) for each in facts.gateway.deployments}
    clients = {
        (each.namespace, each.deployment) for each in with_sidecar if not each.namespace.startswith("aks-istio-")
    }
    found = sorted(clients - gateways)
    for namespace in sorted({each for each, _ in found}):
        names = [name for each, name in found if each == namespace]
        yield disrupt(
            f"Restart {', '.join(names[:_NAMED])}{f' and {len(names) - _NAMED} more' if len(names) > _NAMED else ''} of "
            f"{namespace}, whose sidecars then get certificates of the new control plane; open connections are closed",
            kubectl("rollout", "restart", "deployment", *names, namespace=namespace),
            ADDON,
            "new pods are Ready, and their sidecars have the configuration of istiod",
            undo="nothing to take back: the new pods have the specification of the old ones",
        )


_NAMED = 3


def _listed(revisions: tuple[str, ...]) -> str:
    return ("revision " if len(revisions) == 1 else "revisions ") + " and ".join(revisions)
