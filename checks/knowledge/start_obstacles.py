"""Why a pod cannot start, by the texts of its events and of its waiting containers.

Sources: Kubernetes `pkg/kubelet`, containerd's pull errors, Secrets Store CSI driver (provider azure); Microsoft Learn,
"Istio service mesh add-on plug-in CA certificate troubleshooting".
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StartObstacle:
    """A reason with its fix; `meaning` completes "… is not ready: …"."""

    meaning: str
    fix: str


@dataclass(frozen=True, slots=True)
class _Row:
    """A text; the groups of the pattern are filled into meaning and fix."""

    pattern: re.Pattern[str]
    meaning: str
    fix: str


def _row(pattern: str, meaning: str, fix: str) -> _Row:
    return _Row(re.compile(pattern, re.IGNORECASE | re.DOTALL), meaning, fix)


_UNREACHABLE = (
    r"(?:i/o timeout|timed? ?out|deadline exceeded|no such host|connection refused|proxyconnect|no route to host)"
)
_PULL = r'(?:pull|resolve)\b.*?"?https://(?P<host>[\w.-]+)/.*?'

_ROWS = (
    _row(
        rf"https://(?P<host>mcr\.microsoft\.com|[\w-]+\.data\.mcr\.microsoft\.com)/.*?{_UNREACHABLE}",
        "the node cannot reach {host}",
        "Allow the nodes to reach mcr.microsoft.com and *.data.mcr.microsoft.com on port 443 (firewall, proxy, private DNS)",
    ),
    _row(
        rf"https://(?P<host>[\w-]+\.vault\.(?:azure\.net|azure\.cn|usgovcloudapi\.net))/.*?{_UNREACHABLE}",
        "the node cannot reach key vault {host}",
        "Allow the nodes to reach {host} on port 443 (firewall, private endpoint, private DNS)",
    ),
    _row(
        r"https://(?P<host>[\w-]+)\.vault\.[\w.]+/.*?(?:SecretNotFound|was not found in this key vault)",
        "key vault {host} does not have a secret that the volume needs",
        "Create the secret in key vault {host}, or correct its name in the add-on's plug-in CA settings",
    ),
    _row(
        r"(?:https://(?P<host>[\w-]+)\.vault\.[\w.]+/).*?(?:403|Forbidden|not authorized|AKV10032|ForbiddenByPolicy)",
        "the identity of the Key Vault add-on may not read key vault {host}",
        "Grant the identity of the Key Vault add-on access to key vault {host}: role Key Vault Secrets User, or an access "
        "policy with get and list of secrets",
    ),
    _row(
        r"driver name secrets-store\.csi\.k8s\.io not found",
        "the Secrets Store CSI driver does not run on the node",
        "Enable the add-on azure-keyvault-secrets-provider, which installs the Secrets Store CSI driver",
    ),
    _row(
        rf"{_PULL}{_UNREACHABLE}",
        "the node cannot reach {host}",
        "Allow the nodes to reach {host} on port 443 (firewall, proxy, private DNS)",
    ),
    _row(
        r"(?:pull|resolve)\b.*?(?:401 Unauthorized|403 Forbidden|pull access denied|authorization failed)",
        "the registry refuses the node's identity",
        "Grant the cluster's kubelet identity the role AcrPull on the registry",
    ),
    _row(
        r"(?:pull|resolve)\b.*?(?:manifest unknown|not found)",
        "the registry does not have the image",
        "Correct the image of the workload; on AKS open a support request, because AKS sets it",
    ),
    _row(
        r'\b(?P<kind>secret|configmap) "(?P<name>[\w./-]+)" not found',
        "the {kind} {name} does not exist",
        "Create the {kind} {name} again; what AKS manages is restored when its add-on is reconciled (az aks update)",
    ),
)


_KINDS = {"secret": "Secret", "configmap": "ConfigMap"}


def start_obstacle(message: str) -> StartObstacle | None:
    """The reason in an event's or a waiting container's message; None if it is not known."""
    for row in _ROWS:
        if (found := row.pattern.search(message)) is not None:
            words = {key: _KINDS.get(value.lower(), value) for key, value in found.groupdict().items() if value}
            return StartObstacle(row.meaning.format(**words), row.fix.format(**words))
    return None
