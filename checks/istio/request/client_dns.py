"""The addresses that a client's DNS returns for a host.

Source: Istio "DNS proxying"."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from checks.facts.istio_networking import ServiceEntry
from checks.istio.mesh.objects.hosts import is_address, is_public
from checks.istio.mesh.services import UNSPECIFIED, MeshService
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.model.raw_values import text


def client_addresses(configuration: ProxyConfiguration, host: str) -> list[str]:
    """The possible addresses of a connection to a host; the name itself if none is known.

    An address that a ServiceEntry lists and also
    has as an endpoint is the host's own, which DNS returns. Other public addresses that it lists may be those that DNS
    returns; other private ones certainly are not.
    """
    first = _resolved(configuration, host)
    if is_address(first):
        return [first]
    services = configuration.mesh.exports.with_host(host, configuration.proxy.namespace)
    if own := {address for each in services for address in _own_addresses(each)}:
        return sorted(own)
    listed = {each.address for each in services}
    return [first, *sorted(each for each in listed if is_address(each) and is_public(each))]


def _own_addresses(service: MeshService) -> Iterator[str]:
    """The endpoints of a service that its own address or range contains."""
    source = service.source
    if not isinstance(source, ServiceEntry) or service.address == UNSPECIFIED:
        return
    listed = ip_network(service.address, strict=False)
    for each in source.endpoints:
        address = text(each, "address")
        if is_address(address) and ip_address(address) in listed:
            yield address


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
