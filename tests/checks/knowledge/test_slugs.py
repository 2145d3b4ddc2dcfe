"""Slugs and codes in tables and texts are those of existing checks: a typo fails here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from checks.catalogue import catalogue
from checks.knowledge import controller_events, istio_logs
from checks.knowledge.sandbox_errors import SANDBOX_CAUSES

CHECKS = Path(__file__).parents[3] / "checks"
SLUGS = {check.slug for check in catalogue()}
CODES = {check.code for check in catalogue()}
OTHER_DASHED_WORDS = {"cni-not-ready", "comma-separated"}


def _texts() -> Iterator[tuple[str, str]]:
    """Every string constant under checks/, docstrings too, with its file."""
    for file in sorted(CHECKS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield str(file.relative_to(CHECKS)), node.value


def test_tables_point_to_existing_checks() -> None:
    for module in (controller_events, istio_logs):
        rows = [row for value in vars(module).values() for row in (value if isinstance(value, tuple) else (value,))]
        named = {row.maps_to for row in rows if isinstance(getattr(row, "maps_to", None), str)}
        assert len(named) > 2, module.__name__
        assert named - {""} <= SLUGS, module.__name__


def test_causes_of_sandbox_errors_are_the_checks_that_explain_them() -> None:
    shared = {check.slug for check in catalogue() for why in check.explains.values() if why.share == "sandbox"}
    assert shared - {"pod-network-setup-fails"} <= set(SANDBOX_CAUSES) <= SLUGS
    explaining = {
        check.slug
        for check in catalogue()
        for slug, why in check.explains.items()
        if slug == "pod-network-setup-fails" and why.share in ("sandbox", "node")
    }
    assert explaining == set(SANDBOX_CAUSES)


def test_codes_in_strings_are_codes_of_checks() -> None:
    wrong = [(file, text) for file, text in _texts() if re.fullmatch(r"EG\d{3}", text) and text not in CODES]
    assert wrong == []


def test_slugs_in_parentheses_are_slugs_of_checks() -> None:
    found = [(file, slug) for file, text in _texts() for slug in re.findall(r"\(([a-z]+(?:-[a-z]+)+)\)", text)]
    assert len(found) > 20
    assert [each for each in found if each[1] not in SLUGS | OTHER_DASHED_WORDS] == []
