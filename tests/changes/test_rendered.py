"""Manifests as Helm and kustomize render them."""

from pathlib import Path

from tests.clusters.compose import named
from tests.command_line import ROOT, Answer, ask

RENDERED = Path(__file__).with_name("rendered")
HEALTHY = ROOT / "examples" / "bundles" / "healthy"


def given(name: str, *words: str) -> Answer:
    text = (RENDERED / name).read_text(encoding="utf-8")
    return ask(
        "diagnose", "x", "team-egress/egw", "--bundle", HEALTHY, "--output", "json", *words, "--with", "-", given=text
    )


def test_a_chart_that_changes_nothing_about_routes() -> None:
    answer = given("helm.yaml")
    applied = answer.document["if_applied"]
    assert (answer.code, applied["verdict"], applied["routes"], applied["findings"]) == (0, "healthy", [], [])
    assert {each["ref"]: each["result"] for each in applied["objects"]} == {
        "Gateway team-egress/istio-egressgateway": "changed",
        "ServiceEntry team-egress/cnn": "unchanged",
        "VirtualService team-egress/direct-cnn-through-egress-gateway": "unchanged",
    }
    assert {each["ref"]: each["reason"] for each in applied["not_judged"]} == {
        "ServiceAccount team-egress/routes": "no check reads this kind (v1)",
        "Pod team-a/egress-request": "an installation does not apply this Helm hook (test)",
        "Job egress-migrate": "no check reads this kind (batch/v1)",
    }


def test_an_overlay_that_narrows_the_visibility_of_a_route() -> None:
    answer = given("kustomize.yaml")
    applied = answer.document["if_applied"]
    [route] = applied["routes"]
    assert (answer.code, route["from"], route["if_applied"]["outcome"]) == (1, ["team-a"], "bypasses")
    assert {each["ref"]: each["result"] for each in applied["objects"]} == {
        "Namespace team-egress": "unchanged",
        "ConfigMap team-egress/settings-7b74g97d4t": "created",
        "DestinationRule team-egress/egressgateway-for-cnn": "changed",
        "VirtualService team-egress/direct-cnn-through-egress-gateway": "changed",
    }


def test_the_namespace_of_the_overlay_exists() -> None:
    assert any(
        each["kind"] == "Namespace" and each["metadata"]["name"] == "team-egress" for each in named("base").objects
    )


RENAMED = ("DestinationRule/team-egress/egressgateway-for-cnn", "ServiceEntry/team-egress/cnn")
OLD_ROUTES = "VirtualService/team-egress/direct-cnn-through-egress-gateway"
OLD_GATEWAY = "Gateway/team-egress/istio-egressgateway"


def without(*objects: str) -> tuple[str, ...]:
    return tuple(word for each in objects for word in ("--without", each))


def test_an_overlay_that_renames_all_objects_does_not_rename_the_gateway_in_the_routes() -> None:
    """kustomize changes names in references of Kubernetes' own kinds only."""
    answer = given("kustomize-suffix.yaml", *without(*RENAMED, OLD_ROUTES, OLD_GATEWAY))
    [route] = answer.document["if_applied"]["routes"]
    assert answer.code == 1
    assert (route["from"], route["if_applied"]["outcome"]) == (["team-a", "team-b"], "fails")


def test_the_same_overlay_beside_the_old_gateway_changes_no_route() -> None:
    answer = given("kustomize-suffix.yaml", *without(*RENAMED, OLD_ROUTES))
    assert (answer.code, answer.document["if_applied"]["routes"]) == (0, [])


def test_a_release_that_renames_the_gateway_together_with_its_routes() -> None:
    answer = given("helm-renamed.yaml", *without(OLD_GATEWAY))
    applied = answer.document["if_applied"]
    assert (answer.code, applied["verdict"], applied["routes"], applied["findings"]) == (0, "healthy", [], [])


def test_a_release_whose_host_loses_its_service_entry() -> None:
    answer = given("helm-renamed.yaml", *without(OLD_GATEWAY, "ServiceEntry/team-egress/cnn"))
    assert answer.code == 1
    assert [each["if_applied"]["outcome"] for each in answer.document["if_applied"]["routes"]] == ["fails"]
