"""What the network around a gateway must let through, and what AKS's outbound types do to a public egress range."""

from ipaddress import IPv4Network

TUNNEL_PORTS = range(6000, 7000)
"""UDP ports of the WireGuard tunnels from the nodes to the gateway nodes; each configuration has one (domain.md 1.1)."""

PROBE_PORT = 8082
"""TCP port on the gateway nodes that the internal load balancer probes (domain.md 1.1)."""

WEB_PORTS = (443, 80)
"""What leaves through a gateway where no host was asked about."""

LOAD_BALANCER = IPv4Network("168.63.129.16/32")
"""The address that the service tag AzureLoadBalancer stands for: Azure's platform, whence probes come."""

PRIVATE = tuple(
    IPv4Network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8")
)
"""Ranges that the service tag Internet does not contain."""

EVERYWHERE: IPv4Network = IPv4Network("0.0.0.0/0")

OUTBOUND = {
    "userdefinedrouting": "takes the route that the network's owner defines, as a rule through a firewall",
    "none": "has no way out that AKS configures",
    "block": "has no way out: AKS blocks it",
}
"""Outbound types that leave the way out to the network's owner, with what they mean; every other one goes straight out
(domain.md 6.2; whether gateways work with the last two is not documented)."""

DETOURS = {
    "virtualappliance": "the firewall or appliance",
    "virtualnetworkgateway": "the virtual network gateway",
}
"""Next hops that take traffic elsewhere before it reaches the Internet: Azure's public addresses act only where the next hop
is Internet (domain.md Q16)."""

DROPS = "none"
"""Next hop that drops traffic."""

PRIVATE_MODE_KUBERNETES = (1, 34)
"""First version with private-IP mode, in preview (AKS docs, configure static egress gateway)."""

PRIVATE_MODE_POOL = "virtualmachines"
"""The pool type that private-IP mode needs."""
