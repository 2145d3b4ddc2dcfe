"""The host that a dynamic forward proxy resolves for a request.

Source: Envoy's dynamic forward proxy cluster and its filter `sni_dynamic_forward_proxy`; docs/domain/istio.md#dynamic-dns.
"""

from checks.istio.mesh.objects.versions import Version
from checks.istio.proxy.clusters import Cluster
from checks.istio.proxy.endpoints import Endpoint
from checks.istio.request.forwarding import Forwarded
from checks.istio.request.matching import NotModelled
from checks.istio.request.wire import Http


def resolved_on_request(cluster: Cluster, forwarded: Forwarded, version: Version) -> list[Endpoint]:
    """The host of an HTTP request, or the server name that a filter resolves; none otherwise.

    The port of an HTTP request is that of its authority, else 443 for a cluster with TLS and 80 for one without. Raises
    NotModelled for a version whose proxies do not resolve hosts.
    """
    if not version.resolves_on_request:
        raise NotModelled(f"resolution DYNAMIC_DNS of {cluster.name.host} before Istio 1.30")
    request = forwarded.connection.outermost
    if forwarded.http and isinstance(request, Http):
        host, colon, port = request.authority.rpartition(":")
        if colon and port.isdecimal():
            return [Endpoint(host, int(port))]
        return [Endpoint(request.authority, 443 if cluster.tls is not None else 80)]
    return [Endpoint(forwarded.server_name, forwarded.connection.port)] if forwarded.server_name else []
