"""The product's answer to the judge's questions: the only module of the judge that imports the product."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from checks.engine.arrivals import record
from checks.facts.egress_gateway import from_profile
from checks.facts.fact import Unreadable
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.istio.route.trace import TRACE_READS, trace
from checks.model.route import Outcome, TracedRequest
from checks.sources.recorded import RecordedSource
from checks.sources.source import gather
from tests.clusters.compose import Cluster
from tests.istiod.question import Question
from tests.recordings import question as question_of
from tests.recordings import recording

_OUTCOMES = {Outcome.ELSEWHERE: "bypasses"}  # another gateway or Service of the cluster: not through this one
_STATUS = re.compile(r"\b([2-5]\d\d)\b")


@dataclass(frozen=True, slots=True)
class Resolved:
    """The product's outcome of a request; `status` is None if the answer that it names has no HTTP status."""

    outcome: str  # through, bypasses, fails, mixed or unknown
    status: int | None = None
    answer: str = ""


class Product:
    """The product over one cluster."""

    def __init__(self, cluster: Cluster, gateway: str) -> None:
        self._cluster = cluster
        source = RecordedSource(recording(cluster))
        self._store = FactStore(source.now())
        namespace, _, name = gateway.partition("/")
        for reading in gather(source, frozenset(TRACE_READS), self._store, monotonic() + 60):
            record(self._store, reading)
        self._target = from_profile(self._store.known(ManagedCluster)[0], name, namespace)
        self._store.targets = (self._target,)

    def resolve(self, question: Question) -> Resolved:
        """The outcome of one request; `unknown` with the reason if the product cannot be asked about it or fails."""
        host = f"{question.host}:{question.target_port}"
        wanted = question_of(self._cluster, question.gateway, host, question.client)
        try:
            route = trace(Facts(self._store, self._target, wanted, frozenset(TRACE_READS)))
        except Unreadable as unread:
            return Resolved("unknown", answer=f"not checked: {unread.gap}")
        except Exception as error:  # noqa: BLE001 - a crash is a difference, not the end of the comparison
            return Resolved("unknown", answer=f"crashed: {type(error).__name__}: {error}")
        requests = [each for each in route.requests if each.scheme == _scheme(question)]
        if not requests:
            return Resolved("unknown", answer=route.problem or f"not traced as {question.scheme}")
        return _resolved(requests)


def _scheme(question: Question) -> str:
    return {"tls": "https", "grpc": "http"}.get(question.scheme, question.scheme)


def _resolved(requests: Sequence[TracedRequest]) -> Resolved:
    outcomes = {_OUTCOMES.get(each.outcome, str(each.outcome)) for each in requests}
    answers = {each.answer for each in requests}
    statuses = {_STATUS.search(each.answer) for each in requests}
    found = {int(each[1]) if each else None for each in statuses}
    outcome = outcomes.pop() if len(outcomes) == 1 else "mixed"
    return Resolved(outcome, found.pop() if len(found) == 1 else None, "; ".join(sorted(answers)))
