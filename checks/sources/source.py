"""The interface of a source, which reads one cluster, and the answers that it gives."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from checks.facts.fact import AzureCall, CountersWanted, Gap, Listed, PodName
from checks.model.raw_values import Raw
from checks.model.redaction import redact

TOO_LATE = "no answer before the run's deadline"
"""The message of the gap (504) for a read without an answer at the deadline."""


@dataclass(frozen=True, slots=True)
class Objects:
    """The raw objects that a read returned.

    Kubernetes objects have kind and apiVersion; objects of Azure are in the format of any of its tools (facts read their
    canonical form); logs are `{namespace, pod, container, text}`. `missing`: the namespaces that could not be read.
    """

    raw: tuple[Raw, ...]
    missing: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class NotInstalled:
    """The API server does not have this kind (404 on the list)."""


@dataclass(frozen=True, slots=True)
class NotCovered:
    """The source does not read this part (Azure, the network), by configuration."""


Answer = Objects | NotInstalled | NotCovered | Gap


class SourceError(Exception):
    """A source cannot be opened, for example because its kubeconfig does not exist.

    The text includes the fix.
    """

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(redact(message))
        self.fix = fix
        """The fix as a sentence, if it is another one than to correct the entry."""


class OtherReads(Protocol):
    """The other reads of a run, as an event that is set when they have ended."""

    def wait(self, timeout: float) -> bool:
        """Wait until they have ended, at most `timeout` seconds."""
        ...


class Source(Protocol):
    """Reads one cluster.

    A failed read is a Gap, not an exception. Methods are called from several threads at once; `deadline` is a time of
    `time.monotonic()` after which an answer is ignored.
    """

    def now(self) -> datetime:
        """The time of the facts: the current time for a live cluster, `captured_at` for a bundle."""
        ...

    def kubectl_context(self) -> str:
        """The kubectl context that a bundle records; "" without one, and for a live cluster."""
        ...

    def list_objects(self, what: Listed, deadline: float) -> Answer:
        """All objects of a kind in every namespace."""
        ...

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        """`managedClusters` (one object) or `agentPools` (a list)."""
        ...

    def arm(self, resource_id: str, deadline: float) -> Answer:
        """One other Azure resource by its ID."""
        ...

    def pod_log(self, pod: PodName, container: str, tail: int, deadline: float) -> Answer:
        """The newest `tail` lines of a container; no lines if it has not started."""
        ...

    def server_version(self, deadline: float) -> Answer:
        """`GET /version`."""
        ...

    def probe_results(self) -> Answer:
        """The results of active steps that are kept for the cluster; they are not read from it."""
        ...

    def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer:
        """The counters of proxies, one object for each pod (docs/contract.md#metrics).

        `others` are the other reads of the run, beside which a second sample costs no time.
        """
        ...
