"""Slugs and codes in tables and texts are those of existing checks: a typo fails here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from checks.actions.plan import ActionKind
from checks.catalogue import catalogue
from checks.istio.trace.static_egress_hop import EgressFault
from checks.knowledge.controller_texts import CONTROLLER_TEXTS, ControllerFault
from checks.knowledge.proxy_logs import NOT_READY_REASONS, READINESS_FAILURES, ProxyFault
from checks.knowledge.sandbox_errors import SandboxCause
from checks.model.findings import Status
from checks.reports.impact import (
    CHECK_OF_THE_PREFIX,
    CHECK_OF_THE_PROBED_ADDRESS,
    CHECKS_OF_ALL_TRAFFIC,
    CHECKS_OF_THE_ADDRESS,
)
from checks.static_egress.gateway_configuration import EarlierFault
from tests.scenarios.cases import cases_of
from tests.sources import modules_below, nodes_of

CHECKS = Path(__file__).parents[3] / "checks"
SLUGS = {check.slug for check in catalogue()}
CODES = {check.code for check in catalogue()}
REFERENCES = {
    "checks/actions/plan.py",
    "checks/engine/counter_evidence.py",
    "checks/istio/trace/static_egress_hop.py",
    "checks/knowledge/controller_texts.py",
    "checks/knowledge/proxy_logs.py",
    "checks/knowledge/sandbox_errors.py",
    "checks/model/traffic.py",
    "checks/reports/host_words.py",
    "checks/reports/impact.py",
    "checks/static_egress/gateway_configuration.py",
}
"""The modules with typed references to checks.

The faults of routes have theirs in `check`, which another test verifies.
"""

OTHER_DASHED_WORDS = {"cni-not-ready", "comma-separated"}


def _texts() -> Iterator[tuple[str, str]]:
    """Every string constant under checks/, docstrings too, with its file."""
    for file in modules_below("checks"):
        for node in nodes_of(file):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield str(file.relative_to(CHECKS)), node.value


def _literals() -> Iterator[tuple[str, str]]:
    """Every string in the three layers that is a slug or a code, with its file."""
    for file in modules_below("checks", "workers", "bot"):
        for node in nodes_of(file):
            if isinstance(node, ast.Constant) and node.value in SLUGS | CODES:
                yield str(file.relative_to(CHECKS.parent)), str(node.value)


def test_the_typed_references_are_slugs_of_checks() -> None:
    for faults in (ControllerFault, ProxyFault, SandboxCause, EarlierFault):
        assert {each.value for each in faults} <= SLUGS, faults.__name__
    assert {each.check for each in EgressFault} <= SLUGS
    assert {each.check for each in ActionKind} - {""} <= SLUGS
    assert {*CHECKS_OF_ALL_TRAFFIC, *CHECKS_OF_THE_ADDRESS} <= SLUGS
    assert {CHECK_OF_THE_PREFIX, CHECK_OF_THE_PROBED_ADDRESS} <= SLUGS


def test_every_typed_reference_is_used_in_its_table() -> None:
    assert {row.fault for row in CONTROLLER_TEXTS} - {None} == set(ControllerFault)
    assert {row.fault for row in (*NOT_READY_REASONS, *READINESS_FAILURES)} - {None} == set(ProxyFault)


def test_a_slug_or_code_is_written_on_its_check_or_in_a_typed_reference() -> None:
    by_file = {
        f"checks/catalogue/{check.stage.value}/{check.slug.replace('-', '_')}.py": check for check in catalogue()
    }
    beside = set()
    for file, text in _literals():
        own = by_file.get(file)
        if own is not None and text in (own.code, own.slug, *own.explains):
            continue
        if file not in REFERENCES and not file.startswith("checks/istio/faults/"):
            beside.add((file, text))
    assert beside - {("bot/sandbox/demo.py", "gateway-pool-missing")} == set()  # the name of an example


def test_a_check_that_warns_of_a_limit_has_a_case_in_which_it_warns() -> None:
    limits = [check for check in catalogue() if check.warns_of_limit]
    assert limits
    for check in limits:
        assert Status.WARN in {finding["status"] for case in cases_of(check) for finding in case.expected}, check.slug


def test_causes_of_sandbox_errors_are_the_checks_that_explain_them() -> None:
    shared = {check.slug for check in catalogue() for why in check.explains.values() if why.share == "sandbox"}
    assert shared - {"pod-network-setup-fails"} <= set(SandboxCause) <= SLUGS
    explaining = {
        check.slug
        for check in catalogue()
        for slug, why in check.explains.items()
        if slug == "pod-network-setup-fails" and why.share in ("sandbox", "node")
    }
    assert explaining == set(SandboxCause)


def test_codes_in_strings_are_codes_of_checks() -> None:
    wrong = [(file, text) for file, text in _texts() if re.fullmatch(r"EG\d{3}", text) and text not in CODES]
    assert wrong == []


def test_slugs_in_parentheses_are_slugs_of_checks() -> None:
    found = [(file, slug) for file, text in _texts() for slug in re.findall(r"\(([a-z]+(?:-[a-z]+)+)\)", text)]
    assert len(found) > 20
    assert [each for each in found if each[1] not in SLUGS | OTHER_DASHED_WORDS] == []
