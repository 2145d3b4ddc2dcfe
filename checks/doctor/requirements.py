"""What the parts `configuration` and `clusters` of `egress-diag doctor` know."""

from checks.doctor.requirement_lines import Requirement

_CONFIGURATION = "configuration"
_CLUSTERS = "clusters"

READABLE = Requirement(
    _CONFIGURATION,
    "configuration-readable",
    "The configuration can be read",
    "Correct the file at the key that is named.",
)
NAMES_CLUSTERS = Requirement(
    _CONFIGURATION,
    "configuration-clusters",
    "The configuration names clusters",
    "Add an entry under clusters: name, subscription_id, resource_group.",
)
LETS_SOMEBODY_IN = Requirement(
    _CONFIGURATION,
    "configuration-access",
    "Somebody may use the bot",
    "Add a rule under access, such as {allow: [diagnose], users: ['*'], clusters: ['*'], channels: ['C…']}.",
)

SOURCE = Requirement(
    _CLUSTERS,
    "cluster-source",
    "The cluster's entry can be opened",
    "Correct the entry: what it names has to be there.",
)
AZURE_REACHABLE = Requirement(
    _CLUSTERS,
    "azure-reachable",
    "Azure answers",
    "Let this pod reach management.azure.com and login.microsoftonline.com on port 443 (NetworkPolicy, firewall, HTTPS_PROXY); "
    "in a sovereign cloud set AZURE_AUTHORITY_HOST and AZURE_SDK_CLOUD_CONF.",
)
AZURE_CREDENTIAL = Requirement(
    _CLUSTERS,
    "azure-credential",
    "Azure takes the credential",
    "Workload identity: the service account's annotation azure.workload.identity/client-id, the pod's label "
    'azure.workload.identity/use: "true", and a federated credential for that service account on the managed identity. '
    "By hand: az login.",
)
AZURE_CLUSTER = Requirement(
    _CLUSTERS,
    "azure-cluster",
    "Azure has this cluster",
    "Correct subscription_id, resource_group and aks_name of the entry: az aks list -o table shows them.",
)
AZURE_RIGHT = Requirement(
    _CLUSTERS,
    "azure-right",
    "Azure allows",
    "Give the identity a role with this action on the cluster (for Microsoft.Network on the network's resource group): "
    "az role assignment create.",
)
AZURE_CLOCK = Requirement(
    _CLUSTERS,
    "azure-clock",
    "The clock agrees with Azure's",
    "Set the node's clock (NTP, chrony): tokens are refused when it is minutes off.",
)
LOGIN = Requirement(
    _CLUSTERS,
    "kubernetes-login",
    "There is a way in to the API server",
    "Correct the entry's kubeconfig and context, or leave kubeconfig out so that the cluster is reached through Azure.",
)
REACHABLE = Requirement(
    _CLUSTERS,
    "kubernetes-reachable",
    "The API server answers",
    "Private cluster: run where its network is reached. Authorized IP ranges: add the address with which this pod leaves: "
    "az aks update --api-server-authorized-ip-ranges.",
)
RIGHT = Requirement(
    _CLUSTERS,
    "kubernetes-right",
    "Kubernetes allows",
    "Bind the ClusterRole that `egress-diag checks --permissions` prints to this identity (the chart does).",
)
CLOCK = Requirement(
    _CLUSTERS,
    "kubernetes-clock",
    "The clock agrees with the API server's",
    "Set the node's clock (NTP, chrony): ages and tokens are judged by it.",
)
OWN_TRAFFIC = Requirement(
    _CLUSTERS,
    "own-traffic",
    "The bot does not depend on a gateway that it diagnoses",
    "Leave the bot's namespace out of the mesh (no injection label), or exclude its hosts from the route; else a broken "
    "gateway also silences the bot.",
)

CONFIGURATION = (READABLE, NAMES_CLUSTERS, LETS_SOMEBODY_IN)
CLUSTERS = (
    SOURCE,
    AZURE_REACHABLE,
    AZURE_CREDENTIAL,
    AZURE_CLUSTER,
    AZURE_RIGHT,
    AZURE_CLOCK,
    LOGIN,
    REACHABLE,
    RIGHT,
    CLOCK,
    OWN_TRAFFIC,
)
REQUIREMENTS = (*CONFIGURATION, *CLUSTERS)
