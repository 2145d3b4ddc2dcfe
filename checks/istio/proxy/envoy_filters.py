"""EnvoyFilters that change the configuration of a proxy.

Simple patches are applied. Any other patch makes the routes of the proxy unknown.
"""

from collections.abc import Iterator
from dataclasses import replace

from checks.facts.istio_networking import EnvoyFilter
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.proxies import Proxy
from checks.istio.proxy.clusters import ClusterName
from checks.istio.proxy.listeners import Provenance
from checks.istio.proxy.routes import RouteConfiguration, VirtualHost
from checks.model.raw_values import Raw, items, mapping, number, text

_HARMLESS = frozenset({"timeout", "idleTimeout", "maxStreamDuration", "retryPolicy"})
"""Settings of a route that do not decide where a request goes."""


class Patches:
    """The patches of the EnvoyFilters that apply to a proxy.

    Those of the root namespace come before those of its own namespace, each oldest first.
    """

    def __init__(self, mesh: Mesh, proxy: Proxy) -> None:
        self._gateway = proxy.gateway
        self._removed: list[Raw] = []
        self._routes: list[tuple[EnvoyFilter, Raw, ClusterName]] = []
        self._removed_hosts: list[Raw] = []
        self._removed_listeners: list[Raw] = []
        self.applied_filters: dict[EnvoyFilter, None] = {}
        """The EnvoyFilters with patches that can change routes."""
        self.unknown: EnvoyFilter | None = None
        """The first EnvoyFilter with a patch whose effect is not modelled."""
        for each, patch in _patches(mesh, proxy):
            self._add(each, patch)

    def _add(self, source: EnvoyFilter, patch: Raw) -> None:
        kind, operation = text(patch, "applyTo").upper(), text(patch, "patch", "operation").upper()
        value = mapping(patch, "patch", "value")
        route = mapping(value, "route")
        if kind == "HTTP_ROUTE" and operation == "MERGE" and set(value) <= {"route"}:
            if set(route) <= _HARMLESS:
                return
            if set(route) <= {*_HARMLESS, "cluster"} and not mapping(
                patch, "match", "routeConfiguration", "vhost", "route"
            ):
                self.applied_filters[source] = None
                self._routes.append((source, mapping(patch, "match"), _parsed(text(route, "cluster"))))
                return
        removed = {
            "CLUSTER": (self._removed, "cluster"),
            "VIRTUAL_HOST": (self._removed_hosts, "routeConfiguration"),
            "LISTENER": (self._removed_listeners, "listener"),
        }
        if operation == "REMOVE" and kind in removed:
            into, key = removed[kind]
            into.append(mapping(patch, "match", key))
            self.applied_filters[source] = None
            return
        self.unknown = self.unknown or source

    def removes(self, name: ClusterName) -> bool:
        """Whether a patch removes the cluster."""
        for match in self._removed:
            wanted = text(match, "name")
            same = not wanted or wanted == str(name)
            service, port, subset = text(match, "service"), number(match, "portNumber"), text(match, "subset")
            if same and service in ("", name.host) and port in (None, name.port) and subset in ("", name.subset):
                return True
        return False

    def removes_listener(self, name: str, port: int) -> bool:
        """Whether a patch removes the listener of a port."""
        return any(
            text(each, "name") in ("", name) and number(each, "portNumber") in (None, port)
            for each in self._removed_listeners
        )

    def applied(self, routes: RouteConfiguration, port: int) -> RouteConfiguration:
        """A route configuration to which the patches are applied.

        Patches set clusters and remove virtual hosts.
        """
        if not self._routes and not self._removed_hosts:
            return routes
        hosts = {id(host): self._patched(host, routes.name, port) for host in routes.by_domain.values()}
        return replace(
            routes,
            by_domain={
                domain: hosts[id(host)]
                for domain, host in routes.by_domain.items()
                if not any(_is_host(each, host, routes.name, port) for each in self._removed_hosts)
            },
        )

    def _patched(self, host: VirtualHost, route: str, port: int) -> VirtualHost:
        for source, match, cluster in self._routes:
            if not _is_host(mapping(match, "routeConfiguration"), host, route, port):
                continue
            origin = Provenance(source, "spec.configPatches")
            host = replace(
                host,
                routes=tuple(
                    replace(each, clusters=((cluster, 100, {}),), origin=origin) if each.clusters else each
                    for each in host.routes
                ),
            )
        return host


def _is_host(match: Raw, host: VirtualHost, route: str, port: int) -> bool:
    """Whether a patch's match includes a virtual host; istiod calls it `host:port`."""
    named = ":" in host.name or host.name in ("allow_any", "block_all")
    own = host.name if named else f"{host.name}:{port}"
    return (
        text(match, "vhost", "name") in ("", own)
        and text(match, "name") in ("", route)
        and number(match, "portNumber") in (None, port)
    )


def _patches(mesh: Mesh, proxy: Proxy) -> Iterator[tuple[EnvoyFilter, Raw]]:
    contexts = {"", "ANY", "GATEWAY" if proxy.gateway else "SIDECAR_OUTBOUND"}
    for namespace in dict.fromkeys((mesh.configuration.root, proxy.namespace)):
        for each in mesh.envoy_filters:
            own = each.namespace == namespace
            if own and all(proxy.labels.get(key) == value for key, value in each.workload_selector.items()):
                for patch in items(each.raw, "spec", "configPatches"):
                    if text(patch, "match", "context").upper() in contexts:
                        yield each, patch


def _parsed(name: str) -> ClusterName:
    parts = name.split("|")
    if len(parts) == 4 and parts[1].isdigit():
        return ClusterName(parts[3], int(parts[1]), parts[2])
    return ClusterName(name)
