"""One listener of a Gateway or ListenerSet as the server of an Istio Gateway.

Source: Istio `buildListener`, `buildTLS`, `buildHostnameMatch` in `kube/gateway/conversion.go`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from checks.facts.fact import KubernetesObject
from checks.facts.label_selectors import selects
from checks.facts.namespaces import ConfigMap, Namespace, Secret
from checks.istio.mesh.gateway_api.references import CONFIG_MAP, SECRET, GroupKind, ReferenceGrants, normalized
from checks.model.raw_values import Raw, at, items, mapping, number, text

BUILT_IN = "builtin://"
"""`credentialName` of the proxy's own certificate."""
SECRET_PREFIX = "kubernetes-gateway://"  # noqa: S105 - a prefix of resource names
_MODE_OPTION = "gateway.istio.io/tls-terminate-mode"
_PROTOCOL_OPTION = "gateway.istio.io/listener-protocol"
_MUTUAL_MODES = ("MUTUAL", "OPTIONAL_MUTUAL")


_K = TypeVar("_K", bound=KubernetesObject)


class Surroundings:
    """The objects that listeners refer to, read when a listener does."""

    def __init__(
        self,
        namespaces: Callable[[], Iterable[Namespace]],
        secrets: Callable[[], Iterable[Secret]],
        config_maps: Callable[[], Iterable[ConfigMap]],
        grants: ReferenceGrants,
        protocols: frozenset[str],
    ) -> None:
        """`protocols`: those that open a port."""
        self._namespaces, self._secrets, self._config_maps = namespaces, secrets, config_maps
        self.grants, self.protocols = grants, protocols

    @cached_property
    def namespaces(self) -> Mapping[str, Namespace]:
        return {each.name: each for each in self._namespaces()}

    @cached_property
    def secrets(self) -> Mapping[tuple[str, str], Secret]:
        return by_name(self._secrets())

    @cached_property
    def config_maps(self) -> Mapping[tuple[str, str], ConfigMap]:
        return by_name(self._config_maps())


def by_name(objects: Iterable[_K]) -> dict[tuple[str, str], _K]:
    """Objects by namespace and name."""
    return {each.key: each for each in objects}


@dataclass(frozen=True, slots=True)
class ListenerServer:
    """The server of a listener; one that is not valid keeps its routes but opens no port."""

    raw: Raw | None
    """None for a listener without TLS settings that needs them."""
    valid: bool
    hosts: tuple[str, ...]


class _InvalidTls(Exception):
    """TLS settings that istiod refuses."""


def listener_server(
    owner: KubernetesObject, kind: GroupKind, gateway: KubernetesObject, listener: Raw, around: Surroundings
) -> ListenerServer:
    """The server of a listener of `owner`, a Gateway or a ListenerSet of `gateway`."""
    protocol, port = text(listener, "protocol"), number(listener, "port") or 0
    valid = protocol in around.protocols
    try:
        tls = _tls(owner, kind, gateway, listener, around)
    except _InvalidTls:
        tls, valid = {}, False
    hosts = _hosts(owner.namespace, listener, around)
    if tls is None and protocol in ("HTTPS", "TLS"):
        return ListenerServer(None, valid=False, hosts=hosts)
    server = {"port": {"name": "default", "number": port, "protocol": protocol}, "hosts": list(hosts)}
    return ListenerServer(server if tls is None else {**server, "tls": tls}, valid=valid, hosts=hosts)


def _hosts(namespace: str, listener: Raw, around: Surroundings) -> tuple[str, ...]:
    """`namespace/host` for each namespace whose routes may attach."""
    host = text(listener, "hostname") or "*"
    found = tuple(f"{each}/{host}" for each in _allowed(namespace, mapping(listener, "allowedRoutes"), around))
    return found or (f"~/{host}",)


def _allowed(namespace: str, allowed: Raw, around: Surroundings) -> list[str]:
    wanted = text(allowed, "namespaces", "from") or "Same"
    if wanted == "Same":
        return [namespace]
    selector = at(allowed, "namespaces", "selector")
    if wanted == "All" or selector is None:
        return ["*"]
    return sorted(each.name for each in around.namespaces.values() if selects(selector, each.all_labels))


def _tls(
    owner: KubernetesObject, kind: GroupKind, gateway: KubernetesObject, listener: Raw, around: Surroundings
) -> Raw | None:
    written = at(listener, "tls")
    if written is None:
        return None
    if (text(written, "mode") or "Terminate") == "Passthrough":
        automatic = text(mapping(written, "options"), _PROTOCOL_OPTION) == "auto-passthrough"
        return {"mode": "AUTO_PASSTHROUGH" if automatic else "PASSTHROUGH"}
    option = text(mapping(written, "options"), _MODE_OPTION)
    if option == "ISTIO_SIMPLE":
        return {"mode": "SIMPLE", "credentialName": BUILT_IN}
    if option == "ISTIO_MUTUAL":
        return {"mode": "ISTIO_MUTUAL"}
    mode = option if option in _MUTUAL_MODES else "SIMPLE"
    references = items(written, "certificateRefs")
    names = [name for each in references if (name := _certificate(owner, kind, each, around))]
    if len(references) > 2 or (references and not names):
        raise _InvalidTls
    tls = {"mode": mode, "credentialName": names[0]} if names else {"mode": mode}
    authority = _frontend(gateway, number(listener, "port") or 0)
    if not names or not items(authority, "caCertificateRefs"):
        return tls
    return {**tls, **_verified(owner, kind, authority, option, around)}


def _certificate(owner: KubernetesObject, kind: GroupKind, reference: Raw, around: Surroundings) -> str:
    """The resource name of a certificate, "" if the Secret is missing or may not be named."""
    place, name = text(reference, "namespace") or owner.namespace, text(reference, "name")
    secret = around.secrets.get((place, name))
    if normalized(reference, SECRET) != SECRET or secret is None or not _has_certificate(secret):
        return ""
    if place != owner.namespace and not around.grants.allows(kind, owner.namespace, SECRET, place, name):
        return ""
    return f"{SECRET_PREFIX}{place}/{name}"


def _has_certificate(secret: Secret) -> bool:
    keys = secret.keys
    return keys is None or {"tls.crt", "tls.key"} <= set(keys) or {"cert", "key"} <= set(keys)


def _frontend(gateway: KubernetesObject, port: int) -> Raw:
    """How client certificates are verified on a port: `resolveGatewayTLS`."""
    frontend = mapping(gateway.raw, "spec", "tls", "frontend")
    own = next((each for each in items(frontend, "perPort") if number(each, "port") == port), None)
    return mapping(own if own is not None else mapping(frontend, "default"), *(("tls",) if own else ()), "validation")


def _verified(
    owner: KubernetesObject, kind: GroupKind, validation: Raw, option: str, around: Surroundings
) -> dict[str, object]:
    references = items(validation, "caCertificateRefs")
    reference = references[0]
    wanted = normalized(reference, CONFIG_MAP)
    place, name = text(reference, "namespace") or owner.namespace, text(reference, "name")
    known: Mapping[tuple[str, str], KubernetesObject] = (
        around.config_maps if wanted == CONFIG_MAP else around.secrets if wanted == SECRET else {}
    )
    granted = place == owner.namespace or around.grants.allows(kind, owner.namespace, wanted, place, name)
    if len(references) > 1 or (place, name) not in known or not granted:
        raise _InvalidTls
    fallback = text(validation, "mode") == "AllowInsecureFallback"
    mode = option if option in _MUTUAL_MODES else "OPTIONAL_MUTUAL" if fallback else "MUTUAL"
    return {"mode": mode}
