"""The catalogue is what it says it is.

Codes, names, steps and edges, its pages, and the documents made from it.
"""

import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from checks.catalogue import catalogue
from checks.docs import catalogue_page as pages
from checks.docs import causal_graph
from checks.engine.check import Check
from checks.model.findings import Involved
from tests.scenarios.cases import cases_of, scenario_file

ROOT = Path(__file__).parents[3]
CHECKS = catalogue()
EACH = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.slug)
TITLES = {
    "Configure Istio ingress with the Kubernetes Gateway API for Azure Kubernetes Service (AKS)",
    "Configure Istio-based service mesh add-on for Azure Kubernetes Service",
    "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)",
    "Create a private Azure Kubernetes Service (AKS) cluster",
    "Customize cluster egress with outbound types in Azure Kubernetes Service (AKS)",
    "Deploy Istio-based service mesh add-on for Azure Kubernetes Service",
    "Deploy egress gateways for Istio service mesh add-on for Azure Kubernetes Service",
    "Frequently asked questions about Azure Kubernetes Service (AKS)",
    "Istio service mesh add-on performance and scaling",
    "Limit network traffic with Azure Firewall in Azure Kubernetes Service (AKS)",
    "Network Policies",
    "Network security groups",
    "Plug in CA certificates for Istio-based service mesh add-on on Azure Kubernetes Service",
    "Pod Security Admission",
    "Public IP address prefix",
    "Secure access to the API server using authorized IP address ranges in Azure Kubernetes Service (AKS)",
    "Secure traffic between pods by using network policies in AKS",
    "Specifying a Disruption Budget for your Application",
    "Support policy for Istio-based service mesh add-on for Azure Kubernetes Service",
    "Telemetry for Istio-based service mesh add-on for Azure Kubernetes Service",
    "Upgrade Istio-based service mesh add-on for Azure Kubernetes Service",
}


def test_every_step_of_the_article_is_performed() -> None:
    for step in pages.STEPS:
        assert pages.performed(step, CHECKS) or pages.action(step), step
    assert {step for check in CHECKS for step in check.article + check.partly} <= set(pages.STEPS)
    assert not [check.slug for check in CHECKS if set(check.article) & set(check.partly)]


def test_the_steps_of_the_article_are_those_of_the_domain_reference() -> None:
    table = (ROOT / "docs/domain.md").read_text(encoding="utf-8").partition('<a id="article-steps"></a>')[2]
    listed = re.findall(r"^\| ([A-Z]+-\d) \|", table, re.MULTILINE)
    assert [*listed, "overview"] == list(pages.STEPS)


def test_codes_and_slugs_are_there_once() -> None:
    assert len({check.code for check in CHECKS}) == len({check.slug for check in CHECKS}) == len(CHECKS)


@EACH
def test_the_file_is_named_for_the_fault(check: Check) -> None:
    file = ROOT / "checks" / "catalogue" / check.stage / f"{check.slug.replace('-', '_')}.py"
    assert file.is_file()
    assert f'code="{check.code}"' in file.read_text(encoding="utf-8")
    assert file.read_text(encoding="utf-8").startswith(f'"""{check.code}')


@EACH
def test_the_page_answers_four_questions(check: Check) -> None:
    openings = [re.match(r"[A-Z][\w ]+: ", part) for part in check.page.split("\n\n")]
    expected = ["What it checks: ", "Why it matters: ", "What usually fixes it: ", "Source: "]
    assert [found[0] if found else "" for found in openings] == expected


@EACH
def test_the_source_is_a_sentence_with_the_full_name_of_the_documentation(check: Check) -> None:
    source = check.page.split("\n\n")[-1]
    assert source.rstrip().endswith(".")
    assert "AKS docs" not in source


def test_sources_cite_documents_by_their_titles() -> None:
    """The titles are those of the pages at learn.microsoft.com and kubernetes.io."""
    sources = (" ".join(check.page.split("\n\n")[-1].split()) for check in CHECKS)
    assert {title for source in sources for title in re.findall(r'"([^"]+)"', source)} <= TITLES


@EACH
def test_the_title_names_a_fault_in_one_sentence(check: Check) -> None:
    assert check.title[0].isupper()
    assert not check.title.endswith(".")
    assert len(check.title) <= 90


@EACH
def test_each_edge_leads_somewhere_and_has_a_reason(check: Check) -> None:
    kinds = {"", *re.findall(r"`([a-z]+)`", Involved.__doc__ or "")}
    for slug, why in check.explains.items():
        assert slug in {other.slug for other in CHECKS}
        assert len(why.sentence.split()) >= 4, (slug, why.sentence)
        assert not why.sentence.endswith("."), (slug, why.sentence)
        assert why.share in kinds, slug


def test_nothing_explains_itself() -> None:
    graph: Mapping[str, set[str]] = {check.slug: set(check.explains) for check in CHECKS}
    assert len(tuple(TopologicalSorter(graph).static_order())) >= len(CHECKS)


@EACH
def test_the_cases_that_the_coverage_names_exist(check: Check) -> None:
    assert scenario_file(check) == ROOT / "tests" / "scenarios" / pages.scenarios(check)
    assert cases_of(check)


def test_the_catalogue_page_is_up_to_date() -> None:
    """`make docs` regenerates it."""
    assert pages.catalogue_page(CHECKS) == (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8")


def test_the_causal_graph_is_up_to_date() -> None:
    """`make docs` regenerates it."""
    assert causal_graph.causes_page(CHECKS) == (ROOT / "docs" / "causes.md").read_text(encoding="utf-8")


def test_the_causal_graph_draws_every_edge_once() -> None:
    page = causal_graph.causes_page(CHECKS)
    drawn = re.findall(r"^  (EG\d+) -->(?:\|[\w ]+\|)? (EG\d+)$", page, re.MULTILINE)
    codes = {check.slug: check.code for check in CHECKS}
    assert sorted(drawn) == sorted((check.code, codes[slug]) for check in CHECKS for slug in check.explains)
    tied = set(re.findall(r"^    (EG\d+)\[", page, re.MULTILINE))
    assert tied == {code for edge in drawn for code in edge}


def test_links_between_the_documents_lead_to_a_heading() -> None:
    headings = {
        f"#{re.sub(r'[^a-z0-9 -]', '', line[4:].lower()).replace(' ', '-')}"
        for line in pages.catalogue_page(CHECKS).splitlines()
        if line.startswith("### ")
    }
    linked = re.findall(r"catalogue\.md(#[\w-]+)\)", causal_graph.causes_page(CHECKS))
    linked += re.findall(r"\]\((#[\w-]+)\)", pages.catalogue_page(CHECKS))
    assert linked
    assert set(linked) <= headings
