"""`make new CHECK=stage/fault`: create a check and its file of rules and cases.

Both come from templates.
"""

import re
import sys
import textwrap
from difflib import get_close_matches
from pathlib import Path

from checks.model.findings import Stage

CHECK = '''"""{code}: (the fault in one sentence)."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import TSG, inspect, kubectl
from checks.model.findings import Evidence, Observation, Severity, fail, healthy, skip


@check(
    code="{code}",
    title="(the fault in one sentence that reads well after 'found:')",
    severity=Severity.BLOCKS,
    article=({article}),
    reads=(StaticGatewayConfiguration,),
    explains={{}},
)
def {fault}(facts: Facts) -> Iterator[Observation]:
    """What it checks: (the objects, fields and thresholds).

    Why it matters: (the effect on traffic).

    What usually fixes it: (the one or two usual fixes).

    Source: (article step, documentation, source file, decision table).
    """
    gateway = facts.gateway
    configuration = facts.get(StaticGatewayConfiguration, gateway.configuration, gateway.namespace)
    if configuration is None:
        yield skip("The gateway has no StaticGatewayConfiguration (gateway-configuration-missing).")
        return
    if configuration.pool:
        yield healthy(f"{{configuration.ref}} names node pool {{configuration.pool}}.")
        return
    yield fail(
        f"{{configuration.ref}} names no node pool.",
        subject=configuration.ref,
        evidence=[Evidence(configuration.ref, "spec.gatewayNodepoolName", "(empty)", "a node pool of mode Gateway")],
        actions=[
            inspect(
                "Show the StaticGatewayConfiguration",
                kubectl("get", "staticgatewayconfiguration", configuration.name, namespace=configuration.namespace),
                TSG,
            )
        ],
    )
'''

SCENARIOS = """# {code}. `with` of a case is the difference from the healthy cluster tests/clusters/base, in the format of
# tests/clusters/compose.py. Then: .venv/bin/python -m tests.scenarios.accept {stage}/{fault}
rules: |
{rules}
cases:
- case: (the problem as an operator would describe it)
  with:
    change:
    - {{kind: StaticGatewayConfiguration, metadata: {{namespace: team-egress, name: sgc}}, spec: {{gatewayNodepoolName: null}}}}
- case: nothing is wrong
- case: reading the StaticGatewayConfiguration is forbidden
  with:
    errors:
    - source: kubernetes
      resource: staticgatewayconfigurations.egressgateway.kubernetes.azure.com
      namespace: null
      status: 403
      message: forbidden
"""

RULES = """(The healthy state.)

- **Reads**: (objects and fields).

| Result | Condition |
| --- | --- |
| fail | (condition) |
"""

NUMBERS = dict(zip(Stage, range(1, 6), strict=True))
TABLES = Path("docs/domain/decision-tables.md")
"""Has a section for each check, including the planned ones."""

SECTION = re.compile(r"^### (EG\d+) ([a-z-]+)\n\n(.*?)(?=^<a id=|^---$)", re.MULTILINE | re.DOTALL)
"""Code, slug and text of a section."""

ARTICLE = re.compile(r"^- \*\*Article\*\*: .*$", re.MULTILINE)
DECLARED = re.compile(r"^- \*\*(?:Article|Explains)\*\*: .*\n(?:  .*\n)*", re.MULTILINE)
"""Items of a planned check that its decorator declares."""


def create_check(wanted: str) -> None:
    """Write the check, its rules and cases.

    Exit with a message if the name is invalid or in use.
    """
    stage_name, _, fault = wanted.partition("/")
    if stage_name not in list(Stage) or not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", fault):
        near = f"; did you mean {near[0]}?" if (near := get_close_matches(stage_name, list(Stage), 1)) else ""
        stages = ", ".join(Stage)
        sys.exit(f'expected CHECK=stage/name_of_fault with one of the stages {stages}; found "{wanted}"{near}')
    stage = Stage(stage_name)
    path = Path("checks/catalogue") / stage / f"{fault}.py"
    cases = Path("tests/scenarios") / stage / f"{fault}.yaml"
    for each in (path, cases):
        if each.exists():
            sys.exit(f"{each} already exists: choose another name, or edit it")
    slug = fault.replace("_", "-")
    sections = {slug: (code, text) for code, slug, text in SECTION.findall(TABLES.read_text(encoding="utf-8"))}
    code, rules = sections.get(slug) or (_free_code(stage, {code for code, _ in sections.values()}), RULES)
    steps = re.findall(r"\b(?:[A-Z]+-\d|overview)\b", "".join(ARTICLE.findall(rules)))
    rules = textwrap.indent(DECLARED.sub("", rules).removeprefix("**planned** ").strip(), "  ")
    article = ", ".join(f'"{step}"' for step in steps) + ("," if len(steps) == 1 else "")
    path.write_text(CHECK.format(code=code, fault=fault, article=article), encoding="utf-8")
    cases.write_text(SCENARIOS.format(code=code, stage=stage, fault=fault, rules=rules), encoding="utf-8")
    accept = f".venv/bin/python -m tests.scenarios.accept {stage}/{fault}"
    print(f"{path}\n{cases}\nNext: fill them in (CONTRIBUTING.md, step 3), then {accept}")  # noqa: T201


def _free_code(stage: Stage, reserved: set[str]) -> str:
    """The first code of the stage that neither a section nor a check has."""
    files = Path("checks/catalogue").rglob("*.py")
    taken = reserved | {code for file in files for code in re.findall(r"EG\d{3}", file.read_text(encoding="utf-8")[:8])}
    first = NUMBERS[stage] * 100
    return next(code for number in range(first + 1, first + 100) if (code := f"EG{number}") not in taken)


if __name__ == "__main__":
    create_check(sys.argv[1] if len(sys.argv) > 1 else "")
