"""Certificates that istiod delivers to a proxy by name (secret discovery service).

Source: Istio `pilot/pkg/model/credentials/resource.go`."""

from checks.istio.mesh.gateway_api.backend_policies import INVALID
from checks.istio.mesh.gateway_api.listener_servers import BUILT_IN, SECRET_PREFIX
from checks.istio.request.proxy_configuration import ProxyConfiguration

_SECRET, _CONFIG_MAP = "kubernetes://", "configmap://"


def is_delivered(name: str, here: ProxyConfiguration) -> bool:
    """Whether the object that a `credentialName` means exists; a name alone is a Secret in the proxy's namespace."""
    if name.startswith(BUILT_IN):
        return True
    if name.startswith(INVALID):
        return False
    if name.startswith(_CONFIG_MAP):
        return _key(name.removeprefix(_CONFIG_MAP), "") in here.mesh.config_maps
    bare = name.removeprefix(SECRET_PREFIX).removeprefix(_SECRET)
    return _key(bare, here.proxy.namespace) in here.mesh.secrets


def _key(written: str, namespace: str) -> tuple[str, str]:
    place, slash, name = written.partition("/")
    return (place, name) if slash else (namespace, written)
