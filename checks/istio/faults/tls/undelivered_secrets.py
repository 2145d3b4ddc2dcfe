"""A Secret that istiod does not deliver to a proxy of the route.

Source: docs/domain/istio.md#credential-name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar

from checks.facts.changes import JsonPatch
from checks.facts.fact import KubernetesObject
from checks.facts.namespaces import Secret
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.faults.destinations.entry_hop import entry_hop
from checks.istio.faults.gateway.gateway_hop import gateway_hop
from checks.istio.fixes.fields import set_field
from checks.istio.fixes.secrets import AUTHORITY, PAIR, copy_secret, create_secret, fill_secret, name_credential
from checks.istio.fixes.tls_settings import tls_place
from checks.istio.proxy.gateway import certificate_names
from checks.istio.request.credentials import (
    AUTHORITIES,
    AUTHORITY_SUFFIX,
    UNWATCHED,
    CredentialProblem,
    Undelivered,
    filled_keys,
    undelivered,
    undelivered_certificates,
)
from checks.istio.request.outcome import Ending
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.model.commands import ISTIO_TLSO
from checks.model.findings import Action, Evidence
from checks.model.raw_values import texts
from checks.model.route import HopName

_PREFIX = "kubernetes://"
_NEAR = 0.85
"""From this similarity on, a name is a probable spelling of another one (difflib)."""


def at_credential(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The Secret that a listener of the gateway, or a cluster, waits for.

    The cluster is one of the gateway or of the client's sidecar.
    """
    if broken.end.ending is Ending.CLUSTER_WAITS and (entry := entry_hop(broken)) is not None:
        tls, place = entry.tls, tls_place(entry.cluster) if entry.cluster is not None else None
        if tls is not None and place is not None:
            problem = undelivered(tls.secret, entry.proxy, tls.mode, server=False)
            if problem is not None:
                yield DestinationCredential(*place, tls.secret, tls.mode, problem, entry.proxy)
    elif broken.end.ending is Ending.CLUSTER_WAITS:
        yield from _at_sidecar(broken)
    hop = gateway_hop(broken)
    if broken.end.ending is not Ending.LISTENER_WAITS or hop is None:
        return
    for server in hop.on_port:
        written = server.server.tls or {}
        names = certificate_names(written)
        for name, problem in undelivered_certificates(names, hop.proxies[0], server.mode):
            path = server.field("tls")
            field = f"credentialNames[{names.index(name)}]" if texts(written, "credentialNames") else "credentialName"
            yield ServerCredential(server.written, path, name, server.mode, problem, hop.proxies[0], field)


def _at_sidecar(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The Secret for which the client's sidecar waits."""
    client, name = broken.client, broken.end.cluster
    cluster = client.clusters.get(name) if client is not None and name is not None else None
    place = tls_place(cluster) if cluster is not None else None
    if client is not None and cluster is not None and cluster.tls is not None and place is not None:
        problem = undelivered(cluster.tls.secret, client, cluster.tls.mode, server=False)
        if problem is not None:
            yield SidecarCredential(*place, cluster.tls.secret, cluster.tls.mode, problem, client)


@dataclass(frozen=True, slots=True)
class CredentialMissing(RouteFault):
    """A `credentialName` that istiod cannot deliver (docs/domain/istio.md#b22)."""

    name: ClassVar[str] = "credential-missing"
    check: ClassVar[str] = "credential-secret-missing"
    certain: ClassVar[bool] = True
    owner: KubernetesObject
    path: str
    credential: str
    mode: str
    problem: Undelivered
    proxy: ProxyConfiguration
    field: str = "credentialName"

    @property
    def namespace(self) -> str:
        """The namespace in which istiod looks for the Secret."""
        return self.proxy.proxy.namespace

    @property
    def secret(self) -> str:
        """The Secret's name."""
        return self.credential.removeprefix(_PREFIX).rpartition("/")[2]

    @property
    def _elsewhere(self) -> list[Secret]:
        found = [each for each in self.proxy.mesh.secrets.values() if each.name == self.secret]
        return [each for each in found if each.namespace != self.namespace]

    def sentence(self) -> str:
        reason = self.problem.sentence
        unread = self.proxy.mesh.secrets.get((self.namespace, self.secret))
        if unread is not None and unread.type in UNWATCHED:
            needs = f"{self.path} of {self.owner.ref} needs it"
            return f"{unread.ref} has type {unread.type}, which istiod does not read, but {needs}"
        problem = f"{reason[:1].upper()}{reason[1:]}, but {self.path} of {self.owner.ref} needs it"
        if "/" in self.credential.removeprefix(_PREFIX):
            return f"{self.owner.ref} names credential {self.credential}, but {reason}"
        if self.problem.kind is CredentialProblem.AUTHORITY_NAME:
            return f"{self.owner.ref} names credential {self.credential} for mode {self.mode}, but {reason}"
        if self._missing and self._elsewhere:
            return f"{problem}; namespace {self._elsewhere[0].namespace} has a Secret of that name"
        return problem

    @property
    def _missing(self) -> bool:
        return self.problem.kind is CredentialProblem.MISSING

    def evidence(self) -> tuple[Evidence, ...]:
        named = Evidence(self.owner.ref, f"{self.path}.{self.field}", self.credential)
        where = f"Secret {self.namespace}/{self.secret}"
        unread = self.proxy.mesh.secrets.get((self.namespace, self.secret))
        if unread is not None and unread.type in UNWATCHED:
            return (Evidence(where, "type", unread.type, "a type that istiod reads, such as Opaque"), named)
        if self._missing:
            elsewhere = f"(only in {self._elsewhere[0].namespace})" if self._elsewhere else "(does not exist)"
            return (Evidence(where, "metadata.name", elsewhere, f"in namespace {self.namespace}"), named)
        known = self.proxy.mesh.secrets.get((self.namespace, self.secret))
        empty = set(known.keys or ()) - (filled_keys(known) or set()) if known is not None else set()
        keys = ", ".join(f"{each} (empty)" if each in empty else each for each in known.keys or ()) if known else ""
        wanted = "ca.crt" if self.problem.kind is CredentialProblem.NO_AUTHORITY else "tls.crt, tls.key"
        return (Evidence(where, "data", keys or "(keys not read)", wanted), named)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        for name in self._usable_names():
            yield Fix(f"Patch credentialName to {name}", (self._named(name),), ISTIO_TLSO)
        steps = tuple(self._steps())
        yield Fix(steps[0].title, (), ISTIO_TLSO, steps)

    def _usable_names(self) -> Iterator[str]:
        """Names of Secrets in the namespace that can be meant, the nearest first."""
        known = {name for namespace, name in self.proxy.mesh.secrets if namespace == self.namespace}
        near = [] if self._elsewhere or not self._missing else get_close_matches(self.secret, known, 1, _NEAR)
        for name in dict.fromkeys((self.secret, self.secret.removesuffix(AUTHORITY_SUFFIX), *near)):
            if name in known and name != self.credential:
                yield name

    def _named(self, name: str) -> JsonPatch:
        return set_field(self.owner, f"{self.path}.{self.field}", name)

    def _steps(self) -> Iterator[Action]:
        """The steps that give the proxy its certificates, with what the cluster holds."""
        server, known = self.hop is HopName.SERVER, self.proxy.mesh.secrets.get((self.namespace, self.secret))
        keys = [*(PAIR if server or "MUTUAL" in self.mode else ()), *(() if server and self._one_way else (AUTHORITY,))]
        if self.problem.kind is CredentialProblem.AUTHORITY_NAME and known is not None:
            name = self._free_name(self.secret.removesuffix(AUTHORITY_SUFFIX))
            yield copy_secret(known, name, self.namespace)
            yield name_credential(self._named(name), name)
        elif known is not None and known.type in UNWATCHED:
            name = self._free_name(f"{self.secret}-tls")
            yield create_secret(name, self.namespace, keys, server=server)
            yield name_credential(self._named(name), name)
        elif (source := self._source(keys)) is not None:
            yield copy_secret(source, self.secret, self.namespace)
            if AUTHORITY in keys and not (filled_keys(source) or {AUTHORITY}) & {*AUTHORITIES}:
                yield create_secret(f"{self.secret}{AUTHORITY_SUFFIX}", self.namespace, (AUTHORITY,))
            if self.secret != self.credential.removeprefix(_PREFIX):
                yield name_credential(self._named(self.secret), self.secret)
        elif known is None:
            yield create_secret(self.secret, self.namespace, keys, server=server)
        elif self.problem.kind is CredentialProblem.NO_AUTHORITY:
            yield from self._authority(known)
        else:
            filled = filled_keys(known) or set()
            yield fill_secret(known, [each for each in keys if each in PAIR or each not in filled], server=server)

    def _source(self, keys: Sequence[str]) -> Secret | None:
        """The Secret of that name in another namespace, with the key pair if keys were read."""
        found = ((each, filled_keys(each)) for each in self._elsewhere)
        return next((each for each, filled in found if filled is None or {*PAIR} & {*keys} <= filled), None)

    def _authority(self, known: Secret) -> Iterator[Action]:
        """The CA certificate beside the key pair, which stays as it is."""
        beside = self.proxy.mesh.secrets.get((self.namespace, f"{self.secret}{AUTHORITY_SUFFIX}"))
        if beside is not None or "MUTUAL" not in self.mode:
            yield fill_secret(beside or known, (AUTHORITY,))
        else:
            yield create_secret(f"{self.secret}{AUTHORITY_SUFFIX}", self.namespace, (AUTHORITY,))

    @property
    def _one_way(self) -> bool:
        return "MUTUAL" not in self.mode

    def _free_name(self, wanted: str) -> str:
        taken = {name for namespace, name in self.proxy.mesh.secrets if namespace == self.namespace}
        return next(each for each in (wanted, *(f"{wanted}-{number}" for number in range(2, 100))) if each not in taken)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.owner,)


class DestinationCredential(CredentialMissing):
    """A credential for TLS to the destination."""

    __slots__ = ()
    hop: ClassVar[HopName] = HopName.ENTRY


class ServerCredential(CredentialMissing):
    """A credential of the gateway's server."""

    __slots__ = ()
    hop: ClassVar[HopName] = HopName.SERVER


class SidecarCredential(CredentialMissing):
    """A credential for TLS of the client's sidecar."""

    __slots__ = ()
    hop: ClassVar[HopName] = HopName.SIDECAR
