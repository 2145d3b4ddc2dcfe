"""The fixed addresses of the services at which a gateway can send requests to a host."""

from collections.abc import Iterable, Iterator

from checks.facts.istio_networking import ServiceEntry
from checks.istio.request.routing import Routing
from checks.model.raw_values import text


def fixed_addresses(over: Routing, hosts: Iterable[str]) -> Iterator[tuple[str, ServiceEntry, str]]:
    """(host, ServiceEntry, address) for each fixed address to which the gateway sends."""
    for host in hosts:
        for proxy in over.gateway_proxies():
            for name in proxy.services_about(host):
                service = proxy.scope.by_host.get(name)
                if service is not None and isinstance(service.source, ServiceEntry):
                    entry = service.source
                    for each in entry.endpoints if entry.resolution == "STATIC" else ():
                        yield host, entry, text(each, "address")
