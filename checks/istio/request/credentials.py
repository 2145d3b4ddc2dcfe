"""Certificates that istiod delivers to a proxy by name (secret discovery service).

Source: Istio `pilot/pkg/model/credentials/resource.go`, `pilot/pkg/credentials/kube/secrets.go`."""

from collections.abc import Iterator, Sequence

from checks.facts.namespaces import Secret
from checks.istio.mesh.gateway_api.backend_policies import INVALID
from checks.istio.mesh.gateway_api.listener_servers import BUILT_IN, SECRET_PREFIX
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.model.raw_values import mapping

KEY_PAIRS = (("cert", "key"), ("tls.crt", "tls.key"))
AUTHORITIES = ("cacert", "ca.crt")
AUTHORITY_SUFFIX = "-cacert"

_SECRET, _CONFIG_MAP = "kubernetes://", "configmap://"
_UNWATCHED = ("helm.sh/release.v1", "kubernetes.io/service-account-token")


def undelivered(name: str, here: ProxyConfiguration, mode: str, *, server: bool) -> str:
    """The reason why a proxy does not get its `credentialName`; "" if it gets it.

    A server needs the key pair, a client the CA certificate; with MUTUAL and OPTIONAL_MUTUAL both need both. Keys that were
    not read are assumed to be present.
    """
    if name.startswith(BUILT_IN):
        return ""
    if name.startswith(INVALID):
        return "the reference is invalid"
    if name.startswith(_CONFIG_MAP):
        found = _key(name.removeprefix(_CONFIG_MAP), "") in here.mesh.config_maps
        return "" if found else f"ConfigMap {name.removeprefix(_CONFIG_MAP)} does not exist"
    place, bare = _key(name.removeprefix(SECRET_PREFIX).removeprefix(_SECRET), here.proxy.namespace)
    if place != here.proxy.namespace and not name.startswith(SECRET_PREFIX):
        return f"a proxy of namespace {here.proxy.namespace} gets no Secret of namespace {place}"
    mutual = mode in ("MUTUAL", "OPTIONAL_MUTUAL")
    pair = _pair_problem(here, place, bare) if server or mutual else ""
    return pair or (_authority_problem(here, place, bare) if mutual or not server else "")


def undelivered_certificates(names: Sequence[str], here: ProxyConfiguration, mode: str) -> Iterator[tuple[str, str]]:
    """The certificates of a server that its proxy does not get, with the reason.

    The authority of clients belongs to the first name.
    """
    for index, name in enumerate(names):
        problem = undelivered(name, here, mode if index == 0 else "SIMPLE", server=True)
        if problem:
            yield name, problem


def _key(written: str, namespace: str) -> tuple[str, str]:
    place, slash, name = written.partition("/")
    return (place, name) if slash else (namespace, written)


def _pair_problem(here: ProxyConfiguration, namespace: str, name: str) -> str:
    found = _watched(here, namespace, name)
    if found is None:
        return f"Secret {namespace}/{name} does not exist"
    if name.endswith(AUTHORITY_SUFFIX):
        return f"istiod reads a name that ends in {AUTHORITY_SUFFIX} as an authority without a key pair"
    filled = filled_keys(found)
    if filled is None or any(set(each) <= filled for each in KEY_PAIRS):
        return ""
    return f"Secret {namespace}/{name} lacks the keys tls.crt and tls.key"


def _authority_problem(here: ProxyConfiguration, namespace: str, name: str) -> str:
    """The authority is in Secret `<name>-cacert` if that exists, else in the Secret itself."""
    beside = _watched(here, namespace, name + AUTHORITY_SUFFIX)
    found = beside if beside is not None else _watched(here, namespace, name)
    if found is None:
        return f"Secret {namespace}/{name} does not exist"
    filled = filled_keys(found)
    lacks = filled is not None and not filled & set(AUTHORITIES)
    return f"Secret {namespace}/{found.name} lacks the key ca.crt" if lacks else ""


def filled_keys(secret: Secret) -> set[str] | None:
    """The keys of a Secret that have a value; None if only its metadata was read."""
    if secret.keys is None:
        return None
    return {key for key in secret.keys if mapping(secret.raw, "data").get(key) not in ("", None)}


def _watched(here: ProxyConfiguration, namespace: str, name: str) -> Secret | None:
    found = here.mesh.secrets.get((namespace, name))
    return None if found is None or found.type in _UNWATCHED else found
