"""What a fact is, where facts come from, and what stands in for one that could not be read."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from checks.model.raw_values import Raw, items, labels, moment, number, text, texts

_F = TypeVar("_F", bound="Fact")


class FactsRead(Protocol):
    """What has been read so far: from it an origin finds what else to read (ids of Azure resources, pods for logs)."""

    def known(self, kind: type[_F]) -> tuple[_F, ...]: ...


@dataclass(frozen=True, slots=True)
class Listed:
    """All objects of one Kubernetes kind: `LIST group/plural` in every namespace, first of `versions` that is served.

    `may_be_absent`: a cluster without this CustomResourceDefinition is a state of its own, not a failed read.
    `metadata_only`: read as PartialObjectMetadata, so that Secrets never leave the API server with their data."""

    group: str
    plural: str
    versions: tuple[str, ...] = ("v1",)
    namespaced: bool = True
    may_be_absent: bool = False
    metadata_only: bool = False

    @property
    def resource(self) -> str:
        """`PLURAL.GROUP`, or the plural alone for core kinds: the name used in bundles, RBAC and messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


@dataclass(frozen=True, slots=True)
class AzureCall:
    """A call of the container service: `managedClusters` (GET) or `agentPools` (LIST)."""

    resource: str
    action: str


@dataclass(frozen=True, slots=True)
class ArmResource:
    """Other Azure resources, each read by its id; `ids` finds them in what has been read (`after`)."""

    action: str
    after: tuple[type["Fact"], ...]
    ids: Callable[["FactsRead"], Iterable[str]]

    @property
    def resource(self) -> str:
        """The name used in messages and permission lists."""
        return self.action.removesuffix("/read")


@dataclass(frozen=True, slots=True)
class PodLog:
    """The newest `tail` lines of one container of some pods; `pods` finds them in what has been read (`after`)."""

    container: str
    after: tuple[type["Fact"], ...]
    pods: Callable[[Any], Iterable["PodName"]]
    """Given the FactStore, which lies above this module."""
    tail: int = 500
    resource: ClassVar[str] = "pods/log"


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """`GET /version` of the API server: the cheapest proof that it answers."""

    resource: ClassVar[str] = "version"


Origin = Listed | AzureCall | ArmResource | PodLog | ServerVersion


@dataclass(frozen=True, slots=True, order=True)
class PodName:
    """A pod by namespace and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Fact:
    """A typed reading over exactly what an API returned (`raw`). Where it comes from is data on its type."""

    __slots__ = ("raw",)
    origin: ClassVar[Origin]

    def __init__(self, raw: Raw) -> None:
        self.raw = raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fact) and type(self) is type(other) and self.raw == other.raw

    def __hash__(self) -> int:
        return id(self)

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name) under which the store finds this fact."""
        return ("", text(self.raw, "name"))


class KubernetesObject(Fact):
    """A Kubernetes object; subclasses add the fields that checks reason about."""

    __slots__ = ()
    kind: ClassVar[str]

    @property
    def key(self) -> tuple[str, str]:
        return (self.namespace, self.name)

    @property
    def name(self) -> str:
        return text(self.raw, "metadata", "name")

    @property
    def namespace(self) -> str:
        return text(self.raw, "metadata", "namespace")

    @property
    def uid(self) -> str:
        return text(self.raw, "metadata", "uid")

    @property
    def labels(self) -> dict[str, str]:
        return labels(self.raw, "metadata", "labels")

    @property
    def annotations(self) -> dict[str, str]:
        return labels(self.raw, "metadata", "annotations")

    @property
    def created(self) -> datetime | None:
        return moment(self.raw, "metadata", "creationTimestamp")

    @property
    def deleted(self) -> datetime | None:
        """When deletion was asked for; None while the object is to stay."""
        return moment(self.raw, "metadata", "deletionTimestamp")

    @property
    def finalizers(self) -> tuple[str, ...]:
        return texts(self.raw, "metadata", "finalizers")

    @property
    def generation(self) -> int | None:
        return number(self.raw, "metadata", "generation")

    @property
    def owners(self) -> tuple[tuple[str, str], ...]:
        """(kind, name) of each owner reference."""
        return tuple((text(o, "kind"), text(o, "name")) for o in items(self.raw, "metadata", "ownerReferences"))

    @property
    def ref(self) -> str:
        """How people name it: `Kind namespace/name`, or `Kind name` for cluster-wide kinds."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def managed_fields(self) -> tuple[Raw, ...]:
        return items(self.raw, "metadata", "managedFields")

    @property
    def spec_changed(self) -> datetime | None:
        """About when the spec was last edited: the newest managedFields entry that owns `f:spec` and no subresource
        (docs/domain/custom-resources.md#metadata-semantics). None where the object carries no such entry."""
        times = [
            at
            for entry in self.managed_fields
            if not text(entry, "subresource") and "f:spec" in _fields(entry)
            if (at := moment(entry, "time")) is not None
        ]
        return max(times, default=None)


def _fields(entry: Raw) -> Mapping[str, Any]:
    found = entry.get("fieldsV1")
    return found if isinstance(found, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Gap:
    """A read that failed: what was asked, of whom, and the reply. Status 504 is a time-out, 0 a broken connection."""

    source: str
    verb: str
    resource: str
    status: int
    message: str
    namespace: str | None = None
    name: str | None = None

    def covers(self, namespace: str | None, name: str | None = None) -> bool:
        """Whether an answer about this namespace (None: all of them) and name would miss what this read was to bring."""
        if namespace is not None and self.namespace not in (None, namespace):
            return False
        return name is None or self.name in (None, name)

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        what = f"{self.verb} {self.resource}" + (f" {self.name}" if self.name else "") + where
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
    """Raised inside a check by a read whose answer is a gap. Only the engine catches it: the check is then `unknown`."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(str(gap))
        self.gap = gap


class UndeclaredRead(Exception):
    """A check asked for a fact that its declaration does not name: a defect of the check, never of the cluster."""
