"""Ports that the network must allow for a static egress gateway.

The module also has the effect of AKS's outbound types and routes.
"""

from ipaddress import IPv4Network

TUNNEL_PORTS = range(6000, 7000)
"""UDP ports of the WireGuard tunnels to the gateway nodes.

Each StaticGatewayConfiguration uses one (docs/domain/components.md#azure-resources).
"""

PROBE_PORT = 8082
"""TCP port on the gateway nodes that the internal load balancer probes.

Source: docs/domain/components.md#component-ports.
"""

WEB_PORTS = (443, 80)
"""TCP ports that a gateway needs when the question names no host."""

NODES_PORT = 443
"""The TCP port of the Internet that every node needs.

It reaches Microsoft's registry, the API server and Azure's APIs.

Source: AKS documentation, "Outbound network and FQDN rules for Azure Kubernetes Service (AKS) clusters".
"""

LOAD_BALANCER = IPv4Network("168.63.129.16/32")
"""The address of the service tag AzureLoadBalancer, from which Azure sends health probes."""

PRIVATE = tuple(
    IPv4Network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8")
)
"""Address ranges that the service tag Internet does not contain."""

EVERYWHERE: IPv4Network = IPv4Network("0.0.0.0/0")

SERVICE_ENDPOINT_DOMAINS: dict[str, tuple[str, ...]] = {
    "microsoft.azurecosmosdb": ("documents.azure.com", "cosmos.azure.com"),
    "microsoft.cognitiveservices": ("cognitiveservices.azure.com", "openai.azure.com"),
    "microsoft.containerregistry": ("azurecr.io",),
    "microsoft.eventhub": ("servicebus.windows.net",),
    "microsoft.keyvault": ("vault.azure.net",),
    "microsoft.servicebus": ("servicebus.windows.net",),
    "microsoft.sql": ("database.windows.net", "sql.azuresynapse.net"),
    "microsoft.storage": ("core.windows.net",),
    "microsoft.storage.global": ("core.windows.net",),
    "microsoft.web": ("azurewebsites.net",),
}
"""The domains of a service's hosts by the name of its service endpoint (lower case).

Source: Azure documentation, "Azure virtual network service endpoints".
"""

USER_ROUTES = "userdefinedrouting"
"""The outbound type with which the user's routes decide; AKS creates none (in lower case)."""

OUTBOUND_TYPES = {
    USER_ROUTES: "follows user-defined routes, usually through a firewall",
    "none": "has no outbound route from AKS",
    "block": "is blocked by AKS",
}
"""Outbound types without direct outbound access: "with outbound type X, traffic …".

AKS does not document whether static egress gateways work with the last two
(docs/domain/decision-tables.md#egress-range-blocked).
"""

DETOURS = {
    "virtualappliance": "the firewall or appliance",
    "virtualnetworkgateway": "the virtual network gateway",
}
"""Next hop types that redirect traffic on the route to the Internet.

A public IP prefix takes effect only with next hop Internet (docs/domain/open-questions.md#route-on-gateway-subnet).
"""

DROPS = "none"
"""The next hop type that drops traffic."""

NEXT_HOPS = frozenset({"internet", "none", "virtualappliance", "virtualnetworkgateway", "vnetlocal"})
"""The next hop types of user-defined routes (in lower case).

Source: Azure documentation, "Virtual network traffic routing".
"""

PRIVATE_MODE_KUBERNETES = (1, 34)
"""The first Kubernetes version with private-IP mode, in preview.

Source: AKS documentation, "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)".
"""

PRIVATE_MODE_POOL = "virtualmachines"
"""The node pool type that private-IP mode requires."""
