"""The requirements of doctor's parts `configuration` and `clusters`, each with its fix."""

from checks.doctor.requirement_lines import Requirement

_CONFIGURATION = "configuration"
_CLUSTERS = "clusters"
_ACTIONS = "actions"

READABLE = Requirement(
    _CONFIGURATION,
    "configuration-readable",
    "The configuration can be read",
    "Correct the value at the key that the line names.",
)
ENVIRONMENT = Requirement(
    _CONFIGURATION,
    "environment-valid",
    "The environment variables are valid",
    "Correct the variable that the line names, in the Deployment, its Secret or the shell.",
)
NAMES_CLUSTERS = Requirement(
    _CONFIGURATION,
    "configuration-clusters",
    "The configuration names clusters",
    "Add an entry under clusters: name, subscription_id, resource_group.",
)
ACCESS_RULES = Requirement(
    _CONFIGURATION,
    "configuration-access",
    "Access rules exist",
    "Add a rule under access, such as {allow: [diagnose], users: ['*'], clusters: ['*'], channels: ['C…']}.",
)

SOURCE = Requirement(
    _CLUSTERS,
    "cluster-source",
    "The cluster's entry can be used",
    "Correct the entry: the kubeconfig, context or bundle that it names must exist.",
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
    "Azure accepts the credential",
    "Workload identity: the service account's annotation azure.workload.identity/client-id, the pod's label "
    'azure.workload.identity/use: "true", and a federated credential for that service account on the managed identity. '
    "At a terminal: az login.",
)
AZURE_CLUSTER = Requirement(
    _CLUSTERS,
    "azure-cluster",
    "The cluster exists in Azure",
    "Correct subscription_id, resource_group and aks_name of the entry; az aks list -o table lists them.",
)
AZURE_RIGHT = Requirement(
    _CLUSTERS,
    "azure-right",
    "Azure grants the permission",
    "Assign the identity a role with this action on the cluster (for Microsoft.Network: on the network's resource group): "
    "az role assignment create.",
)
AZURE_CLOCK = Requirement(
    _CLUSTERS,
    "azure-clock",
    "The clock agrees with Azure's",
    "Synchronize the node's clock (NTP, chrony): if it is off by minutes, tokens are rejected.",
)
LOGIN = Requirement(
    _CLUSTERS,
    "kubernetes-login",
    "Credentials for the API server",
    "Correct the entry's kubeconfig and context, or remove kubeconfig to connect through Azure.",
)
REACHABLE = Requirement(
    _CLUSTERS,
    "kubernetes-reachable",
    "The API server answers",
    "If the cluster is private, run in a network that is connected to its own. If it has authorized IP ranges, add this "
    "pod's source IP address: az aks update --api-server-authorized-ip-ranges.",
)
RIGHT = Requirement(
    _CLUSTERS,
    "kubernetes-right",
    "Kubernetes grants the permission",
    "Bind the ClusterRole that `egress-diag checks --permissions` prints to this identity (the Helm chart does this).",
)
CLOCK = Requirement(
    _CLUSTERS,
    "kubernetes-clock",
    "The clock agrees with the API server's",
    "Synchronize the node's clock (NTP, chrony): ages and the validity of tokens are computed from it.",
)
OWN_TRAFFIC = Requirement(
    _CLUSTERS,
    "own-traffic",
    "The bot does not depend on a gateway that it diagnoses",
    "Keep the bot's namespace out of the mesh (no injection label), or remove its hosts from the route. Otherwise the bot "
    "cannot post when the gateway fails.",
)

COUNTERS = Requirement(
    _CLUSTERS,
    "counters-readable",
    "The source of the proxies' counters answers",
    "For metrics: pods, set rbac.readProxyCounters=true in the chart. For a Prometheus, correct its URL and auth, let this pod "
    "reach its port (networkPolicy.egressPorts), and for Azure Monitor assign the role Monitoring Data Reader.",
)

ACTION_RIGHT = Requirement(
    _ACTIONS,
    "action-right",
    "Kubernetes grants the permission of active steps",
    "Bind the chart's Roles to this identity: rbac.probe.namespaces and rbac.restart.namespaces with actions.enabled, in "
    "another cluster with rbac.actionSubjects (docs/permissions.md).",
)
ACTION_REACHABLE = Requirement(
    _ACTIONS,
    "action-cluster",
    "The cluster of active steps can be reached",
    "Run doctor --only clusters in the same process: it names the missing connection or credential.",
)

CONFIGURATION = (ENVIRONMENT, READABLE, NAMES_CLUSTERS, ACCESS_RULES)
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
    COUNTERS,
)
ACTION_REQUIREMENTS = (ACTION_REACHABLE, ACTION_RIGHT)
REQUIREMENTS = (*CONFIGURATION, *CLUSTERS)
