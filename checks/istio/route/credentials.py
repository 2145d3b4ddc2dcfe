"""The Secrets that the gateway's proxies are to fetch, and who names them (domain.md 5.2.10)."""

from collections.abc import Iterator
from dataclasses import dataclass

from checks.facts.istio_networking import DestinationRule, Gateway
from checks.facts.namespaces import Secret
from checks.facts.view import Facts
from checks.istio.route.carried import Configuration
from checks.istio.route.destination_rules import effective
from checks.istio.route.needs import destinations
from checks.istio.route.service_entries import seen_from
from checks.model.raw_values import mapping, text

PREFIX = "kubernetes://"

UNWATCHED = ("helm.sh/release.v1", "kubernetes.io/service-account-token")
"""Types of Secrets that istiod does not look at."""

PAIRS = (("cert", "key"), ("tls.crt", "tls.key"))
AUTHORITIES = ("cacert", "ca.crt")


@dataclass(frozen=True, slots=True)
class Use:
    """One field that names a credential (or files in its place): whose, where, in which TLS mode, for which host."""

    thing: DestinationRule | Gateway
    path: str
    mode: str
    name: str
    files: tuple[str, ...]
    host: str
    receiving: bool
    """Whether it is the gateway's server that needs it, and not the way to the destination."""

    @property
    def owner(self) -> str:
        """The object that names it, as people do."""
        return self.thing.ref

    @property
    def secret(self) -> str:
        """The Secret's name, as istiod looks for it in the gateway's namespace."""
        return self.name.removeprefix(PREFIX)


def uses(facts: Facts, found: Configuration, host: str) -> tuple[Use, ...]:
    """Every credential that the gateway's proxies need for a host. Reads DestinationRule, ServiceEntry and what visibility
    needs."""
    namespace = facts.gateway.namespace
    listed: list[Use] = []
    for name in destinations(facts, found, host):
        entries = seen_from(facts, name, namespace, found.mesh)
        owner = entries[0].entry.namespace if entries else namespace
        used = effective(facts, name, namespace, owner, found.mesh, found.labels)
        for tls in used.all_tls() if used else ():
            if tls.mode in ("SIMPLE", "MUTUAL") and (tls.credential or tls.files):
                files = () if tls.credential else tls.files
                listed.append(Use(tls.rule, tls.path, tls.mode, tls.credential, files, host, receiving=False))
    listed.extend(_servers(found, host))
    return tuple(listed)


def _servers(found: Configuration, host: str) -> Iterator[Use]:
    for server in found.servers:
        tls = server.server.tls
        if tls is None or server.lost_to is not None or not server.concerns(host):
            continue
        mode, name = server.server.tls_mode, text(tls, "credentialName")
        if name and mode in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL"):
            yield Use(server.gateway, f"{server.path}.tls", mode, name, (), host, receiving=True)


def lacking_keys(secret: Secret, use: Use, authority_beside: bool) -> str:
    """Which keys the Secret lacks for this use, in words; "" where it has them, or where only metadata was read.
    `authority_beside`: there is a Secret `<name>-cacert` for the authority."""
    keys = secret.keys
    if keys is None:
        return ""
    filled = {key for key in keys if mapping(secret.raw, "data").get(key) not in ("", None)}
    if use.mode == "SIMPLE" and not use.receiving:
        return "" if authority_beside or filled & set(AUTHORITIES) else "cacert or ca.crt"
    if any(set(pair) <= filled for pair in PAIRS):
        return ""
    return "cert and key, or tls.crt and tls.key"
