"""The clusters of the tests and the commands that their reports print."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from checks.engine.check import Check
from checks.model.question import Question
from tests.clusters.bundles import Cluster
from tests.commands.printed import Printed, printed_in
from tests.incidents.incidents import incidents, reported
from tests.recordings import diagnosed, question
from tests.scenarios.cases import all_cases

CONTEXT = "prod-weu"
"""The kubectl context of the printed commands."""


@dataclass(frozen=True)
class Situation:
    """A cluster with the commands that one report about it prints."""

    name: str
    cluster: Cluster
    printed: tuple[Printed, ...]


def situations(chosen: str = "") -> Iterator[Situation]:
    """Every incident, reported fault and case whose name contains the word.

    A case is diagnosed with its check alone, as its test does.
    """
    for name, load in _all():
        if chosen in name:
            cluster, wanted, checks = load()
            named = replace(wanted, cluster=replace(wanted.cluster, context=CONTEXT))
            report = diagnosed(cluster, named, checks).finish(0.0)
            yield Situation(name, cluster, tuple(dict.fromkeys(printed_in(report))))


_Load = Callable[[], tuple[Cluster, Question, list[Check] | None]]


def _all() -> Iterator[tuple[str, _Load]]:
    for each in (*incidents(), *reported()):
        if "ambiguous" not in each.expect:
            yield each.name, lambda each=each: (each.cluster, _asked(each.cluster, each.expect), None)  # type: ignore[misc]
    for case in all_cases():
        yield f"{case.check.slug}: {case.name}", lambda case=case: (*case.asked, [case.check])  # type: ignore[misc]


def _asked(cluster: Cluster, expect: object) -> Question:
    assert isinstance(expect, dict)
    return question(cluster, expect["gateway"], expect.get("host"), expect.get("from"))
