"""The addresses that a client's DNS returns for a host.

Source: Istio "DNS proxying"."""

from checks.istio.mesh.objects.hosts import is_address, is_public
from checks.istio.mesh.services import UNSPECIFIED
from checks.istio.request.proxy_configuration import ProxyConfiguration


def client_addresses(configuration: ProxyConfiguration, host: str) -> list[str]:
    """The possible addresses of a connection to a host: one, or the name if its address is not known. The public
    addresses that a ServiceEntry lists for the host may be those that DNS returns; others are certainly not."""
    first = _resolved(configuration, host)
    if is_address(first):
        return [first]
    listed = {each.address for each in configuration.mesh.exports.with_host(host, configuration.proxy.namespace)}
    return [first, *sorted(each for each in listed if is_address(each) and is_public(each))]


def _resolved(configuration: ProxyConfiguration, host: str) -> str:
    """The address that a client's DNS gives for a host: of a Service, or, with DNS capture, of any service."""
    if is_address(host):
        return host
    scope = configuration.scope
    if configuration.proxy.captures_dns:
        labels = host.split(".")
        for name in (host, *("*." + ".".join(labels[at:]) for at in range(1, len(labels)))):
            known = scope.by_host.get(name)
            address = configuration.proxy.address_of(known) if known is not None else UNSPECIFIED
            if address != UNSPECIFIED and is_address(address):
                return address
    for each in configuration.mesh.exports.by_host.get(host, {}).values():
        if each.kubernetes and each.address != UNSPECIFIED:
            return each.address
    return host
