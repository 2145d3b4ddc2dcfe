"""Corrections judged by istiod: the outcomes of requests once the objects are corrected.

`python -m tests.istiod.corrections` (make judge-corrections) asks istiod's own code and records its outcomes; the tests of
the corrections compare with them, and need no Go.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import orjson

from checks.istio.configured.configured_hosts import examined_hosts
from checks.istio.configured.request_kinds import concrete, configured_kinds
from checks.istio.request.clients import clients_of
from checks.istio.request.routing import Routing
from checks.model.requested_host import requested_host
from tests.checks.istio.faults.diagnosed import facts_about
from tests.clusters.compose import Cluster
from tests.istiod.asking import Json, Program, build
from tests.istiod.question import Cluster as Judged
from tests.istiod.question import Question
from tests.istiod.router import RoutedProduct

RECORDED = Path(__file__).with_name("recorded") / "corrections.json"
GATEWAY = "team-egress/egw"
NOT_JUDGED = {
    # No pod of the gateway exists: no request arrives, whatever the objects are.
    "gateway-selector-mismatch: no pod was ever created, so the Deployment's template is compared",
    # istiod's webhook refuses the server before the correction and after it: the webhook did not run.
    "virtual-service-route-broken: the server has protocol HTTPS and no tls block, so it uses http rules",
}
"""Corrected clusters about which istiod cannot be asked, each with the reason."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A cluster after its corrections, with the question that they are for."""

    identity: str
    cluster: Cluster
    host: str | None
    client: str | None = None
    gateway: str = GATEWAY

    def questions(self) -> Sequence[Question]:
        """The requests for which the gateway is configured that the router finds to go through it."""
        facts = facts_about(self.cluster, self.host or "", self.client, self.gateway)
        routing = Routing(facts)
        port = requested_host(self.host).port if self.host else None
        found = [
            Question(self.gateway, concrete(host), kind.scheme, name, kind.port)
            for host in examined_hosts(facts)
            for kind in configured_kinds(routing, host)
            if port in (None, kind.port)
            for clients in clients_of(facts)
            if not clients.expected
            for name in clients.names
        ]
        product = RoutedProduct(self.cluster, self.gateway)
        return [each for each in found if product.resolve(each).outcome == "through"]

    def digest(self) -> str:
        """Identifies the objects that istiod reads; certificates are new in each test run."""
        every = Judged(self.identity, self.cluster.objects, ()).request()["objects"]
        wanted = [each for each in every if each["kind"] != "Secret"]
        return sha256(orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


def asked(program: Program, corrected: Corrected) -> Json:
    """The outcomes that follow from istiod's configuration, with their numbers of requests."""
    questions = corrected.questions()
    cluster = Judged(corrected.identity, corrected.cluster.objects, questions)
    pushed = program.ask(cluster.request())
    refused = [f"{each['kind']} {each['namespace']}/{each['name']}" for each in pushed.get("invalid") or ()]
    answers = [] if pushed.get("error") else cluster.answers(pushed)
    outcomes = dict(Counter(each.outcome for each in answers))
    return {"objects": corrected.digest(), "outcomes": outcomes, **({"refused": refused} if refused else {})}


@cache
def recorded() -> Mapping[str, Json]:
    """The recorded outcomes by the identity of the corrected cluster."""
    found: Mapping[str, Json] = orjson.loads(RECORDED.read_bytes())
    return found


def confirm(corrected: Corrected) -> None:
    """Raise AssertionError if a corrected cluster does not have the outcomes of istiod."""
    answer = recorded().get(corrected.identity)
    assert answer is not None, f"record the outcomes of istiod (make judge-corrections): {corrected.identity}"
    assert answer["objects"] == corrected.digest(), "the corrected objects changed: record the outcomes of istiod again"
    if corrected.identity in NOT_JUDGED:
        return
    assert "refused" not in answer, "istiod's webhook refuses the corrected objects"
    assert set(answer["outcomes"]) == {"through"}, answer["outcomes"]


def record(every: Iterable[Callable[[], Corrected | None]]) -> int:
    """Ask istiod about all corrected clusters, and print those that it does not confirm."""
    build()
    program = Program()
    found: dict[str, Json] = {}
    for make in every:
        corrected = make()
        if corrected is None:
            continue
        answer = found[corrected.identity] = asked(program, corrected)
        if "refused" in answer or set(answer["outcomes"]) != {"through"}:
            print(corrected.identity, answer)
    program.close()
    write(found)
    print(f"{len(found)} corrected clusters, {sum(sum(each['outcomes'].values()) for each in found.values())} requests")
    return 0


def write(found: Mapping[str, Json]) -> None:
    """Write the outcomes, one corrected cluster a line."""
    lines = (orjson.dumps({name: found[name]}, option=orjson.OPT_SORT_KEYS)[1:-1] for name in sorted(found))
    RECORDED.write_bytes(b"{\n" + b",\n".join(lines) + b"\n}\n")


def main() -> int:
    """Record the outcomes for the corrections of all suites."""
    from tests.checks.istio.faults import test_judged_fixes
    from tests.checks.istio.trace import test_corrections, test_fixes_of_breakages

    suites = (test_fixes_of_breakages, test_corrections, test_judged_fixes)
    return record([make for each in suites for make in each.every_corrected()])


if __name__ == "__main__":
    sys.exit(main())
