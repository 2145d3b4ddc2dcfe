"""The types of facts, of the API calls that they are read from, and of failed reads."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar, overload

from checks.facts.barrier import Barrier
from checks.model.raw_values import Raw, items, labels, moment, number, text, texts

_F = TypeVar("_F", bound="Fact")
_V = TypeVar("_V")


class FactsRead(Protocol):
    """The facts read so far, in which an origin finds further reads.

    Further reads are ids of Azure resources and pods for logs.
    """

    def known(self, kind: type[_F]) -> tuple[_F, ...]: ...


@dataclass(frozen=True, slots=True)
class Listed:
    """All objects of one Kubernetes kind.

    `LIST group/plural` in every namespace, in the first served of `versions`.

    `may_be_absent`: a cluster may lack this CustomResourceDefinition, which is not a failed read.
    `metadata_only`: read as PartialObjectMetadata, so the data of Secrets never leaves the API server.
    `namespace`: read only in this namespace; of namespaces, only the one of this name.
    """

    group: str
    plural: str
    versions: tuple[str, ...] = ("v1",)
    namespaced: bool = True
    may_be_absent: bool = False
    metadata_only: bool = False
    namespace: str = ""

    @property
    def resource(self) -> str:
        """`PLURAL.GROUP`, or the plural alone for core kinds.

        This is the name used in bundles, RBAC and messages.
        """
        return f"{self.plural}.{self.group}" if self.group else self.plural


@dataclass(frozen=True, slots=True)
class AzureCall:
    """A call to the container service: `managedClusters` (GET) or `agentPools` (LIST)."""

    resource: str
    action: str


@dataclass(frozen=True, slots=True)
class ArmResource:
    """Other Azure resources, each read by its id.

    `ids` returns the ids once the facts of `after` are read. `expected` returns ids that are likely, once the facts of
    `expected_after` are read, earlier than those of `after`: their reads begin then, and count only if `ids` has them.
    """

    action: str
    after: tuple[type["Fact"], ...]
    ids: Callable[["FactsRead"], Iterable[str]]
    optional: bool = False
    """Whether the permission only adds detail: without it no check is not checked."""
    expected_after: tuple[type["Fact"], ...] = ()
    expected: Callable[["FactsRead"], Iterable[str]] | None = None

    @property
    def resource(self) -> str:
        """The name used in messages and permission lists."""
        return self.action.removesuffix("/read")


@dataclass(frozen=True, slots=True)
class PodLog:
    """The newest `tail` lines of one container.

    `pods` returns the pods once the facts of `after` are read.
    """

    container: str
    after: tuple[type["Fact"], ...]
    pods: Callable[[Any], Iterable["PodName"]]
    """Its argument is the FactStore, which this module cannot import."""
    tail: int = 500
    resource: ClassVar[str] = "pods/log"


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """`GET /version` of the API server: the cheapest check that it answers."""

    resource: ClassVar[str] = "version"


@dataclass(frozen=True, slots=True)
class ProbeResults:
    """The results of active steps that are kept for the cluster.

    Source: docs/contract.md#active-steps.
    """

    resource: ClassVar[str] = "probes"


@dataclass(frozen=True, slots=True)
class ProxyCounters:
    """The counters of proxies, from a Prometheus or from the pods themselves.

    `wanted` returns the proxies once the facts of `after` are read. Source: docs/contract.md#metrics.
    """

    after: tuple[type["Fact"], ...]
    wanted: Callable[[Any], "CountersWanted"]
    """Its argument is the FactStore, which this module cannot import."""
    expected_after: tuple[type["Fact"], ...] = ()
    expected: Callable[[Any, str], "CountersWanted | None"] | None = None
    """The proxies of a gateway (`namespace/name`) that Azure has not named yet.

    It is known once `expected_after` are read; None if the cluster does not show the gateway.
    """
    resource: ClassVar[str] = "metrics"


Origin = Listed | AzureCall | ArmResource | PodLog | ServerVersion | ProbeResults | ProxyCounters


@dataclass(frozen=True, slots=True, order=True)
class PodName:
    """A pod by namespace and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class ProxyRole(StrEnum):
    """The role of the process that counts."""

    GATEWAY = "gateway"
    CLIENT = "client"
    ISTIOD = "istiod"
    COMPONENT = "component"
    """A component of the static egress gateway, which only a Prometheus reads."""
    HISTORY = "history"
    """A gateway's proxy over the last hours, which only a Prometheus keeps."""


@dataclass(frozen=True, slots=True, order=True)
class ProxyGroup:
    """Pods of the same role whose counters are read.

    `service` is the name of the gateway's Service in the mesh; for clients, that of the gateway that they use.
    """

    role: ProxyRole
    namespace: str
    workloads: tuple[str, ...] = ()
    """The names of their Deployments, by which a Prometheus finds them.

    All of the namespace if empty.
    """
    pods: tuple[PodName, ...] = ()
    service: str = ""


@dataclass(frozen=True, slots=True)
class CountersWanted:
    """All proxies whose counters one read returns."""

    groups: tuple[ProxyGroup, ...]


class derived(Generic[_V]):  # noqa: N801 - used as a decorator, like property
    """An attribute of a fact, derived from its `raw` on first use.

    Checks read the same objects for every gateway of a cluster, and `raw` never changes.
    """

    def __init__(self, derive: Callable[[Any], _V]) -> None:
        self._derive, self.__doc__ = derive, derive.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, fact: None, owner: type | None = None) -> "derived[_V]": ...
    @overload
    def __get__(self, fact: "Fact", owner: type | None = None) -> _V: ...
    def __get__(self, fact: "Fact | None", owner: type | None = None) -> "derived[_V] | _V":
        if fact is None:
            return self
        value = self._derive(fact)
        fact.__dict__[self._name] = value  # found there from now on, before this descriptor
        return value


class Fact:
    """A typed view of exactly what an API returned (`raw`).

    The class attribute `origin` names the API call.
    """

    __slots__ = ("__dict__", "raw")
    origin: ClassVar[Origin]

    def __init__(self, raw: Raw) -> None:
        self.raw = raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fact) and type(self) is type(other) and self.raw == other.raw

    def __hash__(self) -> int:
        return id(self)

    @derived
    def key(self) -> tuple[str, str]:
        """The key of this fact in the store: (namespace, name).

        Azure's names are the same in any case.
        """
        return ("", text(self.raw, "name").lower())


class KubernetesObject(Fact):
    """A Kubernetes object; subclasses add the fields that checks read."""

    __slots__ = ("name", "namespace")
    kind: ClassVar[str]

    def __init__(self, raw: Raw) -> None:
        super().__init__(raw)
        self.name = text(raw, "metadata", "name")
        self.namespace = text(raw, "metadata", "namespace")

    @derived
    def key(self) -> tuple[str, str]:
        return (self.namespace, self.name)

    @derived
    def uid(self) -> str:
        return text(self.raw, "metadata", "uid")

    @derived
    def labels(self) -> dict[str, str]:
        return labels(self.raw, "metadata", "labels")

    @derived
    def annotations(self) -> dict[str, str]:
        return labels(self.raw, "metadata", "annotations")

    @derived
    def created(self) -> datetime | None:
        return moment(self.raw, "metadata", "creationTimestamp")

    @derived
    def deleted(self) -> datetime | None:
        """When deletion was requested; None if it was not."""
        return moment(self.raw, "metadata", "deletionTimestamp")

    @derived
    def finalizers(self) -> tuple[str, ...]:
        return texts(self.raw, "metadata", "finalizers")

    @derived
    def generation(self) -> int | None:
        return number(self.raw, "metadata", "generation")

    @derived
    def owners(self) -> tuple[tuple[str, str], ...]:
        """(kind, name) of each owner reference."""
        return tuple((text(o, "kind"), text(o, "name")) for o in items(self.raw, "metadata", "ownerReferences"))

    @derived
    def ref(self) -> str:
        """The name in texts: `Kind namespace/name`, or `Kind name` for cluster-scoped kinds."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @derived
    def _conditions(self) -> dict[str, Raw]:
        """The first condition of each type in the status."""
        return {text(each, "type"): each for each in reversed(items(self.raw, "status", "conditions"))}

    def condition(self, kind: str) -> Raw:
        """The condition of this type in the status, or an empty mapping."""
        return self._conditions.get(kind, {})

    @derived
    def managed_fields(self) -> tuple[Raw, ...]:
        return items(self.raw, "metadata", "managedFields")

    @derived
    def spec_changed(self) -> datetime | None:
        """The approximate time of the last edit of the spec.

        It is that of the newest managedFields entry for `f:spec` without a subresource
        (docs/domain/custom-resources.md#metadata-semantics). None if the object has no such entry.
        """
        return self._changed("f:spec")

    @derived
    def status_changed(self) -> datetime | None:
        """The approximate time of the last change of the status.

        None if no entry of managedFields is about it.
        """
        return self._changed("f:status")

    @derived
    def data_changed(self) -> datetime | None:
        """The approximate time of the last change of a Secret's or ConfigMap's data.

        None as above.
        """
        return self._changed("f:data")

    def _changed(self, part: str) -> datetime | None:
        """The time of the newest managedFields entry that owns this top-level field.

        Entries of the spec have no subresource.
        """
        times = [
            at
            for entry in self.managed_fields
            if part in _fields(entry) and (part != "f:spec" or not text(entry, "subresource"))
            if (at := moment(entry, "time")) is not None
        ]
        return max(times, default=None)


def _fields(entry: Raw) -> Mapping[str, Any]:
    found = entry.get("fieldsV1")
    return found if isinstance(found, Mapping) else {}


class Credentials(StrEnum):
    """The credentials without which a request to the API server is not sent."""

    AZURE = "azure"
    """Azure's: the sign-in, and the user credentials of the cluster."""
    KUBECONFIG = "kubeconfig"
    """Those of a kubeconfig, perhaps from its plugin."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A failed read: the request, the API, and the reply.

    Status 504 is a time-out, 0 a broken connection. With `credentials`, no request was sent: these could not be obtained.
    """

    source: str
    verb: str
    resource: str
    status: int
    message: str
    namespace: str | None = None
    name: str | None = None
    credentials: Credentials | None = None
    readable_in: tuple[str, ...] = ()
    """The namespaces that were read, although the list in the whole cluster is forbidden."""
    barrier: Barrier | None = None
    """Why there was no answer, None if there was one."""

    def covers(self, namespace: str | None, name: str | None = None) -> bool:
        """Whether objects of a namespace (None: of any) with this name may be missing."""
        if namespace is not None and (self.namespace not in (None, namespace) or namespace in self.readable_in):
            return False
        if self.resource == "namespaces" and name in self.readable_in:
            return False
        return name is None or self.name in (None, name)

    @property
    def hides_kind(self) -> bool:
        """Whether no namespace was read: then it is not known whether the cluster has the kind."""
        return self.namespace is None and self.name is None and not self.readable_in

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        if self.readable_in:
            where = f" outside {', '.join(self.readable_in)}"
        what = f"{self.verb} {self.resource}" + (f" {self.name}" if self.name else "") + where
        if self.credentials is not None:
            return f"{what}: not sent, no credentials ({self.message})"
        match self.status:
            case 403:
                return f"{what}: forbidden (403)"
            case 401:
                return f"{what}: not authenticated (401)"
            case 404:
                return f"{what}: not found (404)"
            case 429:
                return f"{what}: throttled (429)"
            case 504:
                return f"{what}: no answer in time"
            case 0:
                return f"{what}: {self.message or 'no connection'}"
            case _:
                return f"{what}: answered {self.status} {self.message}".rstrip()


class Unreadable(Exception):
    """Raised in a check when it reads a fact whose read failed.

    Only the engine catches it; the check is then not checked.
    """

    def __init__(self, gap: Gap, *, risk: bool = False) -> None:
        super().__init__(str(gap))
        self.gap = gap
        self.risk = risk
        """Whether the failed read can hide only a risk.

        Then it hides nothing that blocks or degrades traffic now.
        """


def before_unreadable(values: Iterable[_V]) -> tuple[list[_V], Unreadable | None]:
    """The values before a failed read that ends them, and that read."""
    found: list[_V] = []
    try:
        for each in values:
            found.append(each)  # noqa: PERF402 - `list` would lose the values before the failed read
    except Unreadable as unread:
        return found, unread
    return found, None


class UndeclaredRead(Exception):
    """A check read a kind that it does not declare.

    This is a defect of the check, never of the cluster.
    """
