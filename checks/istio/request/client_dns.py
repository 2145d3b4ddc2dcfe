"""The addresses that a client's DNS returns for a host.

Source: Istio "DNS proxying"."""

from checks.istio.mesh.objects.hosts import is_address, is_public
from checks.istio.mesh.services import UNSPECIFIED
from checks.istio.request.proxy_configuration import ProxyConfiguration


def client_addresses(configuration: ProxyConfiguration, host: str) -> list[str]:
    """The possible addresses of a connection to a host.

    The result is one address, or the name if its address is not known. Public addresses that a ServiceEntry lists for
    the host may be those that DNS returns; other addresses certainly are not.
    """
    first = _resolved(configuration, host)
    if is_address(first):
        return [first]
    listed = {each.address for each in configuration.mesh.exports.with_host(host, configuration.proxy.namespace)}
    return [first, *sorted(each for each in listed if is_address(each) and is_public(each))]


def _resolved(configuration: ProxyConfiguration, host: str) -> str:
    """The address that a client's DNS returns for a host.

    The host is a Service, or with DNS capture any service.
    """
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
