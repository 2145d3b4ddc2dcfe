"""Why a pod cannot start, by the texts of its events and of its waiting containers.

Sources: Kubernetes `pkg/kubelet`, Secrets Store CSI driver (provider azure); Microsoft Learn,
"Istio service mesh add-on plug-in CA certificate troubleshooting".
"""

from checks.knowledge.known_reasons import KnownReason, message_pattern, reason_in
from checks.knowledge.pull_errors import pull_error

_UNREACHABLE = (
    r"(?:i/o timeout|timed? ?out|deadline exceeded|no such host|connection refused|proxyconnect|no route to host)"
)
_ROWS = (
    message_pattern(
        rf"https://(?P<host>[\w-]+\.vault\.(?:azure\.net|azure\.cn|usgovcloudapi\.net))/.*?{_UNREACHABLE}",
        "the node cannot reach key vault {host}",
        "Allow the nodes to reach {host} on port 443 (firewall, private endpoint, private DNS)",
    ),
    message_pattern(
        r"https://(?P<host>[\w-]+)\.vault\.[\w.]+/.*?(?:SecretNotFound|was not found in this key vault)",
        "key vault {host} does not have a secret that the volume needs",
        "Create the secret in key vault {host}, or correct its name in the add-on's plug-in CA settings",
    ),
    message_pattern(
        r"(?:https://(?P<host>[\w-]+)\.vault\.[\w.]+/).*?(?:403|Forbidden|not authorized|AKV10032|ForbiddenByPolicy)",
        "the identity of the Key Vault add-on may not read key vault {host}",
        "Grant the identity of the Key Vault add-on access to key vault {host}: role Key Vault Secrets User, or an access "
        "policy with get and list of secrets",
    ),
    message_pattern(
        r"driver name secrets-store\.csi\.k8s\.io not found",
        "the Secrets Store CSI driver does not run on the node",
        "Enable the add-on azure-keyvault-secrets-provider, which installs the Secrets Store CSI driver",
    ),
    message_pattern(
        r'\b(?P<kind>secret|configmap) "(?P<name>[\w./-]+)" not found',
        "the {kind} {name} does not exist",
        "Create the {kind} {name} again; what AKS manages is restored when its add-on is reconciled (az aks update)",
    ),
)


_KINDS = {"secret": "Secret", "configmap": "ConfigMap"}


def start_obstacle(message: str) -> KnownReason | None:
    """The reason in an event's or a waiting container's message; None if it is not known.

    `meaning` completes "… is not ready: …".
    """
    return pull_error(message) or reason_in(message, _ROWS, _KINDS)
