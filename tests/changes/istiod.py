"""The configuration by istiod's own code before and after changes.

`make judge-changes` records it.

The answers are recorded in istiod.json, so that the tests need no Go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.changes.cases import GATEWAY, ChangeCase, change_cases
from tests.istiod.asking import Program
from tests.istiod.question import Cluster, Question

RECORDED = Path(__file__).with_name("istiod.json")


def recorded() -> dict[str, dict[str, str]]:
    """The recorded answers by change: `URL from CLIENT` and `now -> if applied`."""
    found: dict[str, dict[str, str]] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return found


def asked(request: str) -> Question:
    """The question `URL from CLIENT`."""
    url, _, client = request.partition(" from ")
    scheme, _, host = url.partition("://")
    return Question(GATEWAY, host, scheme, client)


def record() -> None:
    """Ask istiod's own code and write the answers."""
    program = Program()
    found = {each.identity: dict(_answers(each, program)) for each in change_cases() if "istiod" in each.expect}
    program.close()
    RECORDED.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _answers(case: ChangeCase, program: Program) -> Iterator[tuple[str, str]]:
    for request in case.expect["istiod"]:
        outcomes = []
        for cluster in (case.cluster, case.applied):
            mesh = Cluster(case.identity, cluster.objects, [asked(request)])
            pushed = program.ask(mesh.request())
            if pushed.get("error") or pushed["unread"] or pushed["invalid"]:
                raise ValueError(f"{case.identity}: {pushed.get('error') or pushed['unread'] or pushed['invalid']}")
            outcomes.append(mesh.answers(pushed)[0].outcome)
        yield request, " -> ".join(outcomes)


if __name__ == "__main__":
    record()
