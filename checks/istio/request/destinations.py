"""The services at which a gateway can send requests to a host, and their fixed addresses."""

from collections.abc import Iterable, Iterator

from checks.facts.istio_networking import ServiceEntry
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.istio.request.routing import Routing
from checks.model.raw_values import text


def services_about(proxy: ProxyConfiguration, host: str) -> Iterator[str]:
    """The host, and the destinations of the rules for it."""
    rules = proxy.mesh.virtual_services.rules_overlapping(host)
    yield from dict.fromkeys((host, *(name for each in rules for name, _ in each.destinations(proxy.proxy.namespace))))


def fixed_addresses(over: Routing, hosts: Iterable[str]) -> Iterator[tuple[str, ServiceEntry, str]]:
    """(host, ServiceEntry, address) for each fixed address to which the gateway sends."""
    for host in hosts:
        for proxy in over.gateway_proxies():
            for name in services_about(proxy, host):
                service = proxy.scope.by_host.get(name)
                if service is not None and isinstance(service.source, ServiceEntry):
                    entry = service.source
                    for each in entry.endpoints if entry.resolution == "STATIC" else ():
                        yield host, entry, text(each, "address")
