"""Commands to paste into a POSIX shell, and the documentation links of findings.

Commands have the real names filled in.
"""

import re
import shlex
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from checks.model.findings import Action, Effect
from checks.model.question import ClusterIdentity

TSG = "https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/extensions/istio-add-on-egress-gateway"
HOWTO = "https://learn.microsoft.com/azure/aks/istio-deploy-egress"
SEGDOC = "https://learn.microsoft.com/azure/aks/configure-static-egress-gateway"
MESHCFG = "https://learn.microsoft.com/azure/aks/istio-meshconfig"
TELEM = "https://learn.microsoft.com/azure/aks/istio-telemetry"
UPG = "https://learn.microsoft.com/azure/aks/istio-upgrade"
SUPPORT = "https://learn.microsoft.com/azure/aks/istio-support-policy"
SCALE = "https://learn.microsoft.com/azure/aks/istio-scale"
ADDON = "https://learn.microsoft.com/azure/aks/istio-deploy-addon"
GWAPI = "https://learn.microsoft.com/azure/aks/istio-gateway-api"
FAQ = "https://learn.microsoft.com/azure/aks/faq"
OUTBOUND = "https://learn.microsoft.com/azure/aks/egress-outboundtype"
FW = "https://learn.microsoft.com/azure/aks/limit-egress-traffic"
NAT = "https://learn.microsoft.com/azure/nat-gateway/nat-overview"
PRIVATE_ENDPOINT = "https://learn.microsoft.com/azure/private-link/private-endpoint-overview"
SERVICE_TAGS = "https://learn.microsoft.com/azure/virtual-network/service-tags-overview"
SERVICE_ENDPOINTS = "https://learn.microsoft.com/azure/virtual-network/virtual-network-service-endpoints-overview"
PODSUBNET = "https://learn.microsoft.com/azure/aks/concepts-network-azure-cni-pod-subnet"
KEGTS = "https://github.com/Azure/kube-egress-gateway/blob/main/docs/troubleshooting.md"
NETPOL = "https://learn.microsoft.com/azure/aks/use-network-policies"
PDB = "https://kubernetes.io/docs/tasks/run-application/configure-pdb/"
LOCKS = "https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources"
NETWORK_FAILED = "https://learn.microsoft.com/azure/networking/troubleshoot-failed-state"
POLICY = "https://learn.microsoft.com/azure/aks/use-azure-policy"
PLUGIN_CA = "https://learn.microsoft.com/azure/aks/istio-plugin-ca"
ISTIO_EGW = "https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/"
ISTIO_TLSO = "https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway-tls-origination/"
ISTIO_WILDCARD = "https://istio.io/latest/docs/tasks/traffic-management/egress/wildcard-egress-hosts/"
ISTIO_DNS = "https://istio.io/latest/docs/ops/configuration/traffic-management/dns-proxy/"
ISTIO_LOG = "https://istio.io/latest/docs/tasks/observability/logs/access-log/"

AZ_VERSION = "needs az 2.80.0 or later"
"""The first az version whose core has the egress gateway commands.

Earlier versions need the aks-preview extension.
"""


def quoted(*words: str) -> str:
    """The words as one shell command."""
    return " ".join([_quoted(word) for word in words])


@lru_cache(maxsize=10_000)
def _quoted(word: str) -> str:
    """A word of a command; most are the same for every gateway."""
    return shlex.quote(word)


def kubectl(*words: str, namespace: str = "") -> str:
    """A kubectl command, with the namespace as its last option.

    Words after `--` are those of the program in the pod.
    """
    end = words.index("--") if "--" in words else len(words)
    return quoted("kubectl", *words[:end], *(("-n", namespace) if namespace else ()), *words[end:])


def istiod_log(revision: str, expression: str) -> str:
    """Print the log lines of a revision's istiod pods that match a regular expression.

    The expression is an extended one.
    """
    words = ("logs", "-l", f"app=istiod,istio.io/rev={revision}", "-c", "discovery", "--tail=2000", "--prefix")
    return f"{kubectl(*words, namespace='aks-istio-system')} | grep -E {shlex.quote(expression)}"


def kubectl_apply(manifest: str, *options: str) -> str:
    """A `kubectl apply` command with the manifest in a here-document."""
    return f"{kubectl('apply', *options, '-f', '-')} <<'EOF'\n{manifest.strip()}\nEOF"


def az_aks(cluster: ClusterIdentity, *words: str) -> str:
    """An `az aks …` command for this cluster.

    An unknown resource group is written as `$RESOURCE_GROUP`.
    """
    name_flag = "--cluster-name" if words[:1] == ("nodepool",) else "--name"
    verbs, options = _split(words)
    return f"az aks {quoted(*verbs)} {_named(cluster, name_flag)}" + (f" {quoted(*options)}" if options else "")


def _named(cluster: ClusterIdentity, name_flag: str) -> str:
    group = shlex.quote(cluster.resource_group) if cluster.resource_group else '"$RESOURCE_GROUP"'
    subscription = f" --subscription {shlex.quote(cluster.subscription)}" if cluster.subscription else ""
    return f"--resource-group {group} {name_flag} {shlex.quote(cluster.aks_name)}{subscription}"


def _split(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    for index, word in enumerate(words):
        if word.startswith("-"):
            return words[:index], words[index:]
    return words, ()


def reconcile(cluster: ClusterIdentity, restores: str, url: str, expect: str) -> Action:
    """Let AKS restore what its profile declares, by an update of the cluster without a value.

    `restores`: the part of the title that says what AKS does.
    """
    return update_without_value(cluster, f"Reconcile the cluster: AKS {restores}", url, expect)


def update_without_value(cluster: ClusterIdentity, title: str, url: str = "", expect: str = "") -> Action:
    """`az aks update` without a value, by which AKS writes its components again.

    The Azure CLI asks whether to reconcile to the current settings; no option answers this
    (docs/domain/azure.md#azure-cli).
    """
    return change(f"{title} (the command asks for confirmation)", az_aks(cluster, "update"), url, expect)


def inspect(title: str, command: str, url: str = "", expect: str = "") -> Action:
    """A read-only action.

    It is a step before or after a change if it has `expect`, otherwise it only shows the cause.
    """
    return Action(title, command, Effect.READS, url, expect)


def change(
    title: str, command: str = "", url: str = "", expect: str = "", *, verify: str = "", undo: str = ""
) -> Action:
    """An action that changes the cluster or Azure."""
    return Action(title, command, Effect.CHANGES, url, expect, verify, undo)


def disrupt(
    title: str, command: str = "", url: str = "", expect: str = "", *, verify: str = "", undo: str = ""
) -> Action:
    """An action that interrupts traffic."""
    return Action(title, command, Effect.DISRUPTS, url, expect, verify, undo)


def alternatives(first: Action | Iterable[Action], *others: Action) -> list[Action]:
    """Actions of which one is carried out: the first, or one of the others.

    The first can be several steps. Steps that belong to all of them follow in the list.
    """
    steps = [first] if isinstance(first, Action) else list(first)
    return [*steps, *(replace(each, alternative_to=steps[0].title) if steps else each for each in others)]


def delete_kept(resource: str, name: str, title: str, url: str = "", expect: str = "") -> tuple[Action, Action]:
    """Save an object without namespace in a file, and delete it.

    The undo command creates it from the file: a printed manifest would not be the whole object, because not every field of
    such a kind is read. kubectl ignores its UID and resourceVersion when it creates it.
    """
    file = f"{name}.yaml"
    show = kubectl("get", resource, name, "-o", "yaml")
    saved = "the file contains the object; the undo command of the next step creates it again from there"
    return (
        inspect(f"Save {resource} {name} in {file}", f"{show} > {shlex.quote(file)}", url, saved),
        change(title, kubectl("delete", resource, name), url, expect, undo=kubectl("create", "-f", file)),
    )


PROGRAMS = ("kubectl", "az", "egress-diag")
"""The programs of printed commands."""


def is_command(text: str) -> bool:
    """Whether the text is a command to paste, and not a sentence about one."""
    return text.partition(" ")[0] in PROGRAMS


def restart(deployment: str, namespace: str) -> Action:
    """Restart a Deployment one pod at a time (SEG-6).

    New pods read the current routes, key and configuration.
    """
    return disrupt(
        f"Restart {deployment}, one pod at a time; open connections through the old pods are closed",
        kubectl("rollout", "restart", "deployment", deployment, namespace=namespace),
        TSG,
        f"`{kubectl('rollout', 'status', 'deployment', deployment, namespace=namespace)}` ends within two minutes",
    )


GATEWAY_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
"""The naming rule of the AKS documentation; the full name must match."""

LONGEST_GATEWAY_NAME = 63
"""The longest name that the article and the Azure CLI allow.

It is also the limit of label values and DNS labels in Kubernetes.
"""


def az_accepts(gateway: str) -> bool:
    """Whether `az aks mesh` takes the name of an egress gateway.

    It refuses others before it calls Azure, also when the gateway exists: azure-cli, `validate_asm_egress_name` in
    acs/_validators.py.
    """
    return len(gateway) <= LONGEST_GATEWAY_NAME and GATEWAY_NAME.fullmatch(gateway) is not None


def disable_gateway(cluster: ClusterIdentity, namespace: str, gateway: str) -> str:
    """The command that disables a gateway, also one with a name that `az aks mesh` refuses.

    Such a name must be unique among the cluster's egress gateways: otherwise the command ends without a change.
    """
    if az_accepts(gateway):
        named = ("--istio-egressgateway-name", gateway, "--istio-egressgateway-namespace", namespace)
        return az_aks(cluster, "mesh", "disable-egress-gateway", *named)
    entry = f"properties.serviceMeshProfile.istio.components.egressGateways[name={gateway}].enabled=false"
    kind = "--resource-type Microsoft.ContainerService/managedClusters"
    return f"az resource update {_named(cluster, '--name')} {kind} --set {shlex.quote(entry)}"


def enable_gateway(cluster: ClusterIdentity, namespace: str, gateway: str, configuration: str) -> str:
    """The command that creates a gateway or changes its StaticGatewayConfiguration (SEG-7).

    Without a `configuration`, the command contains a shell variable that must be set first.
    """
    named = ("--istio-egressgateway-name", gateway, "--istio-egressgateway-namespace", namespace)
    command = az_aks(cluster, "mesh", "enable-egress-gateway", *named, "--gateway-configuration-name")
    name = shlex.quote(configuration) if configuration else '"${CONFIGURATION:?name of a StaticGatewayConfiguration}"'
    return f"{command} {name}"
