"""Certificates that istiod delivers to a proxy by name (secret discovery service).

Source: Istio `pilot/pkg/model/credentials/resource.go`, `pilot/pkg/credentials/kube/secrets.go`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from checks.facts.namespaces import Secret
from checks.istio.mesh.gateway_api.backend_policies import INVALID
from checks.istio.mesh.gateway_api.listener_servers import BUILT_IN, SECRET_PREFIX
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.model.raw_values import mapping

KEY_PAIRS = (("cert", "key"), ("tls.crt", "tls.key"))
AUTHORITIES = ("cacert", "ca.crt")
AUTHORITY_SUFFIX = "-cacert"

_SECRET, _CONFIG_MAP = "kubernetes://", "configmap://"
UNWATCHED = ("helm.sh/release.v1", "kubernetes.io/service-account-token")
"""The types of Secrets that istiod does not read."""


class CredentialProblem(Enum):
    """Kinds of reasons why a proxy does not get a certificate."""

    MISSING = auto()
    INVALID_REFERENCE = auto()
    OTHER_NAMESPACE = auto()
    AUTHORITY_NAME = auto()
    """The name says that the Secret contains only an authority."""
    NO_KEY_PAIR = auto()
    NO_AUTHORITY = auto()


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The reason why a proxy does not get a certificate, also as a sentence."""

    kind: CredentialProblem
    sentence: str


def undelivered(name: str, here: ProxyConfiguration, mode: str, *, server: bool) -> Undelivered | None:
    """The reason why a proxy does not get its `credentialName`; None if it gets it.

    A server needs the key pair, a client the CA certificate; with MUTUAL and OPTIONAL_MUTUAL both need both. Keys that were
    not read are assumed to be present.
    """
    if name.startswith(BUILT_IN):
        return None
    if name.startswith(INVALID):
        return Undelivered(CredentialProblem.INVALID_REFERENCE, "the reference is invalid")
    if name.startswith(_CONFIG_MAP):
        found = _key(name.removeprefix(_CONFIG_MAP), "") in here.mesh.config_maps
        return None if found else _missing(f"ConfigMap {name.removeprefix(_CONFIG_MAP)}")
    place, bare = _key(name.removeprefix(SECRET_PREFIX).removeprefix(_SECRET), here.proxy.namespace)
    if place != here.proxy.namespace and not name.startswith(SECRET_PREFIX):
        sentence = f"a proxy of namespace {here.proxy.namespace} gets no Secret of namespace {place}"
        return Undelivered(CredentialProblem.OTHER_NAMESPACE, sentence)
    mutual = mode in ("MUTUAL", "OPTIONAL_MUTUAL")
    pair = _pair_problem(here, place, bare) if server or mutual else None
    return pair or (_authority_problem(here, place, bare) if mutual or not server else None)


def undelivered_certificates(
    names: Sequence[str], here: ProxyConfiguration, mode: str
) -> Iterator[tuple[str, Undelivered]]:
    """The certificates of a server that its proxy does not get, with the reason.

    The authority of clients belongs to the first name.
    """
    for index, name in enumerate(names):
        problem = undelivered(name, here, mode if index == 0 else "SIMPLE", server=True)
        if problem is not None:
            yield name, problem


def _key(written: str, namespace: str) -> tuple[str, str]:
    place, slash, name = written.partition("/")
    return (place, name) if slash else (namespace, written)


def _missing(thing: str) -> Undelivered:
    return Undelivered(CredentialProblem.MISSING, f"{thing} does not exist")


def _pair_problem(here: ProxyConfiguration, namespace: str, name: str) -> Undelivered | None:
    found = _watched(here, namespace, name)
    if found is None:
        return _missing(f"Secret {namespace}/{name}")
    if name.endswith(AUTHORITY_SUFFIX):
        sentence = f"istiod reads a name that ends in {AUTHORITY_SUFFIX} as an authority without a key pair"
        return Undelivered(CredentialProblem.AUTHORITY_NAME, sentence)
    filled = filled_keys(found)
    if filled is None or any(set(each) <= filled for each in KEY_PAIRS):
        return None
    return Undelivered(CredentialProblem.NO_KEY_PAIR, f"Secret {namespace}/{name} lacks the keys tls.crt and tls.key")


def _authority_problem(here: ProxyConfiguration, namespace: str, name: str) -> Undelivered | None:
    """The authority is in Secret `<name>-cacert` if that exists, else in the Secret itself."""
    beside = _watched(here, namespace, name + AUTHORITY_SUFFIX)
    found = beside if beside is not None else _watched(here, namespace, name)
    if found is None:
        return _missing(f"Secret {namespace}/{name}")
    filled = filled_keys(found)
    if filled is None or filled & set(AUTHORITIES):
        return None
    return Undelivered(CredentialProblem.NO_AUTHORITY, f"Secret {namespace}/{found.name} lacks the key ca.crt")


def filled_keys(secret: Secret) -> set[str] | None:
    """The keys of a Secret that have a value; None if only its metadata was read."""
    if secret.keys is None:
        return None
    return {key for key in secret.keys if mapping(secret.raw, "data").get(key) not in ("", None)}


def _watched(here: ProxyConfiguration, namespace: str, name: str) -> Secret | None:
    found = here.mesh.secrets.get((namespace, name))
    return None if found is None or found.type in UNWATCHED else found
