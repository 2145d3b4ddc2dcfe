"""The command line's contract about proposed changes.

The tests run the installed command on complete bundles and import nothing from the package.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clusters.bundles import write_bundle
from tests.clusters.compose import compose, named
from tests.command_line import ROOT, Answer, ask, refused

HEALTHY = ROOT / "examples" / "bundles" / "healthy"
PENDING = ROOT / "examples" / "bundles" / "prefix-pending"
GATEWAY = "team-egress/egw"
ROUTE = "VirtualService/team-egress/direct-cnn-through-egress-gateway"
HARMLESS: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "ServiceEntry",
    "metadata": {"name": "bank", "namespace": "team-a"},
    "spec": {
        "hosts": ["api.bank.example"],
        "resolution": "DNS",
        "location": "MESH_EXTERNAL",
        "ports": [{"name": "http", "number": 80, "protocol": "HTTP"}],
        "exportTo": ["."],
    },
}
DENY: dict[str, Any] = {
    "apiVersion": "security.istio.io/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": "deny", "namespace": "team-egress"},
    "spec": {"action": "DENY", "rules": [{"to": [{"operation": {"hosts": ["edition.cnn.com"]}}]}]},
}
UNREAD = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "a", "namespace": "team-egress"},
}


def proposed(*words: str | Path, bundle: Path = HEALTHY, **how: Any) -> Answer:
    return ask("diagnose", "x", GATEWAY, "--bundle", bundle, *words, **how)


def file(folder: Path, *manifests: object, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump_all(manifests), encoding="utf-8")
    return path


def test_a_harmless_change_exits_0(tmp_path: Path) -> None:
    answer = proposed("--with", file(tmp_path, HARMLESS))
    assert answer.code == 0
    assert answer.out.startswith("This change breaks nothing")
    assert "created     ServiceEntry team-a/bank" in answer.out


def test_a_lost_route_exits_1_also_without_a_finding(tmp_path: Path) -> None:
    found = next(each for each in named("base").objects if ROUTE.endswith(str(each["metadata"]["name"])))
    narrowed = {**found, "spec": {**found["spec"], "exportTo": [".", "team-a"]}}
    answer = proposed("--with", file(tmp_path, narrowed), "--output", "json")
    applied = answer.document["if_applied"]
    assert (answer.code, applied["breaks"]) == (1, True)
    assert [(each["from"], each["now"]["outcome"], each["if_applied"]["outcome"]) for each in applied["routes"]] == [
        (["team-b"], "through", "bypasses")
    ]


def test_a_deletion_exits_1() -> None:
    answer = proposed("--without", ROUTE)
    assert answer.code == 1
    assert "http://edition.cnn.com, port 80, from team-a, team-b" in answer.out


def test_several_files_directories_and_standard_input(tmp_path: Path) -> None:
    (tmp_path / "more" / "below").mkdir(parents=True)
    one, two = file(tmp_path, HARMLESS), file(tmp_path, DENY, name="b.yml")
    third = {**HARMLESS, "metadata": {"name": "third", "namespace": "team-a"}}
    (tmp_path / "more" / "below" / "c.json").write_text(json.dumps(third), encoding="utf-8")
    answer = proposed(
        "--output",
        "json",
        "--with",
        one,
        two,
        tmp_path / "more",
        "-",
        given=yaml.safe_dump({**DENY, "metadata": {"name": "x", "namespace": "team-b"}}),
    )
    refs = [each["ref"] for each in answer.document["if_applied"]["objects"]]
    assert refs == [
        "ServiceEntry team-a/bank",
        "AuthorizationPolicy team-egress/deny",
        "ServiceEntry team-a/third",
        "AuthorizationPolicy team-b/x",
    ]
    assert answer.code == 1


def test_the_gateway_can_follow_the_files(tmp_path: Path) -> None:
    path = file(tmp_path, HARMLESS)
    assert ask("diagnose", "--bundle", HEALTHY, "--with", path, GATEWAY).code == 0
    assert ask("diagnose", "--bundle", HEALTHY, f"--with={path}", path, "--", GATEWAY).code == 0


def test_the_document_is_that_of_the_state_now(tmp_path: Path) -> None:
    plain = proposed("--output", "json").document
    document = proposed("--with", file(tmp_path, DENY), "--output", "json", "--host", "http://edition.cnn.com").document
    assert document["verdict"] == plain["verdict"] == "healthy"
    assert [each["check"] for each in document["findings"]] == [each["check"] for each in plain["findings"]]
    applied = document["if_applied"]
    assert (applied["verdict"], document["route"]["requests"][0]["outcome"]) == ("broken", "through")
    assert applied["route"]["requests"][0]["outcome"] == "fails"
    [change] = applied["findings"]
    assert (change["effect"], change["now"], change["if_applied"]["status"]) == ("appears", None, "fail")
    assert applied["root_causes"] == [change["check"]]


def test_the_route_of_the_host_is_shown_in_both_states(tmp_path: Path) -> None:
    out = proposed("--with", file(tmp_path, DENY), "--host", "edition.cnn.com:80").out
    assert "Route now   http://edition.cnn.com goes through" in out
    assert "If applied  http://edition.cnn.com fails at the hop" in out


def test_another_source_address_is_no_lost_route_and_is_said(tmp_path: Path) -> None:
    entry = next(each for each in named("base").objects if each["kind"] == "ServiceEntry")
    fixed = {**entry["spec"], "resolution": "STATIC", "endpoints": [{"address": "203.0.113.9"}]}
    static = {**entry, "metadata": {"name": "cnn", "namespace": "team-egress"}, "spec": fixed}
    [own] = [each for each in named("base").objects if each["kind"] == "StaticGatewayConfiguration"]
    metadata = {"name": "sgc", "namespace": "team-egress"}
    excluded = {**own, "metadata": metadata, "spec": {**own["spec"], "excludeCidrs": ["10.0.0.0/8", "203.0.113.0/24"]}}
    answer = proposed("--with", file(tmp_path, static, excluded))
    assert answer.code == 0
    assert "but the source IP address of 1 route would change." in answer.out


def test_a_part_that_is_not_known_exits_3(tmp_path: Path) -> None:
    answer = proposed("--with", file(tmp_path, UNREAD))
    assert answer.code == 3
    assert "If applied  Inconclusive: a part that decides about traffic was not checked." in answer.out
    not_judged = "CiliumNetworkPolicy team-egress/a is not judged: no check reads this kind (cilium.io/v2)"
    assert not_judged in " ".join(answer.out.split())


def test_a_refused_object_exits_1(tmp_path: Path) -> None:
    elsewhere = {**HARMLESS, "metadata": {"name": "bank", "namespace": "missing"}}
    answer = proposed("--with", file(tmp_path, elsewhere))
    assert answer.code == 1
    assert "refused     ServiceEntry missing/bank: namespace missing does not exist" in answer.out


def test_the_exit_code_is_that_of_the_state_if_applied(tmp_path: Path) -> None:
    assert proposed("--with", file(tmp_path, HARMLESS), bundle=PENDING).code == 4
    write_bundle(
        compose(
            named("base"),
            {
                "errors": [
                    {
                        "source": "kubernetes",
                        "resource": "virtualservices.networking.istio.io",
                        "status": 403,
                        "message": "no",
                    }
                ]
            },
        ),
        tmp_path / "bundle",
    )
    answer = proposed("--with", file(tmp_path, HARMLESS), bundle=tmp_path / "bundle")
    assert answer.code == 3
    assert (
        "the routes are not compared: list virtualservices.networking.istio.io: forbidden (403)"
        in answer.out.replace("\n   ", "")
    )


def test_markdown_fits_a_comment(tmp_path: Path) -> None:
    out = proposed("--with", file(tmp_path, DENY), "--output", "markdown").out
    assert out.startswith("## Egress gateway team-egress/egw on x\n\n❌ **This change breaks egress: 1 route")
    assert "### Routes that would change" in out
    assert "### Findings that differ" in out
    assert len(out) < 65_536


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--with", "/nonexistent.yaml"), "/nonexistent.yaml: cannot be read: No such file or directory"),
        (("--without", "Gateway/team-egress"), "there is no such object"),
        (("--without", "Gateway/team-egress/missing"), "there is no such object"),
        (("--without", "Dragon/a/b"), "kind Dragon is not one that egress-diag reads"),
        (("--with", "-", "-"), "standard input (-) can be given only once"),
    ],
)
def test_a_wrong_option_exits_2(words: tuple[str, ...], problem: str) -> None:
    assert problem in refused("diagnose", "x", GATEWAY, "--bundle", HEALTHY, *words)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("kustomization.yaml", "resources: []\n", "a kustomization; use the output of `kubectl kustomize"),
        ("Chart.yaml", "name: a\n", "a Helm chart; use the output of `helm template"),
        ("README.md", "text", "no manifest in this directory; expected files .yaml, .yml, .json"),
        ("a.yaml", "\udcff", "not UTF-8 text"),
    ],
)
def test_a_directory_that_is_rendered_first(name: str, content: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert problem in refused("diagnose", "x", GATEWAY, "--bundle", HEALTHY, "--with", tmp_path)


# Fleet


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with two clusters: one with two gateways, and one that is starting."""
    write_bundle(named("two-gateways-one-configuration"), tmp_path / "two")
    clusters = [{"name": "one", "bundle": str(PENDING)}, {"name": "two", "bundle": str(tmp_path / "two")}]
    (tmp_path / "egress-diag.yaml").write_text(yaml.safe_dump({"clusters": clusters}), encoding="utf-8")
    return tmp_path / "egress-diag.yaml"


def test_a_sweep_lists_only_gateways_that_change_in_full(config: Path, tmp_path: Path) -> None:
    of_one = {**DENY, "spec": {**DENY["spec"], "selector": {"matchLabels": {"istio": "egw"}}}}
    answer = ask("sweep", "two", "--config", config, "--with", file(tmp_path, of_one))
    assert answer.code == 1
    lines = answer.out.splitlines()
    unchanged = [line for line in lines if line.startswith("no change")]
    assert len(unchanged) == 1
    assert lines.index("two  team-egress/egw") < lines.index(unchanged[0]), "the worst is first"
    assert "This change breaks egress: 1 route through the gateway would be lost" in answer.out
    summary = "2 gateways in 1 cluster: 1 would break, 0 inconclusive, 1 with a difference, 1 without;"
    assert summary in " ".join(answer.out.split())


def test_a_sweep_exits_with_the_state_if_applied(config: Path, tmp_path: Path) -> None:
    harmless = file(tmp_path, HARMLESS)
    assert ask("sweep", "--config", config, "--with", harmless).code == 4
    assert ask("sweep", "two", "--config", config, "--with", harmless).code == 0
    assert ask("sweep", "two", "--config", config, "--with", file(tmp_path, UNREAD)).code == 3


def test_the_documents_and_the_markdown_of_a_sweep(config: Path, tmp_path: Path) -> None:
    path = file(tmp_path, DENY)
    answer = ask("sweep", "two", "--config", config, "--with", path, "--output", "json")
    documents = [json.loads(line) for line in answer.out.splitlines()]
    assert {each["if_applied"]["verdict"] for each in documents} == {"broken", "healthy"}
    assert len(documents) == 2
    markdown = ask("sweep", "--config", config, "--with", path, "--output", "markdown").out
    assert markdown.startswith("# Would this change break egress?\n\n3 gateways in 2 clusters: 2 would break")
    assert markdown.count("## Egress gateway ") == 2
    assert "give --with or --without" in refused("sweep", "--config", config, "--output", "markdown")


def test_a_sweep_of_a_deletion_that_fits_no_cluster_exits_2(config: Path) -> None:
    answer = ask("sweep", "--config", config, "--without", "Gateway/team-egress/missing")
    assert answer.code == 2
    assert answer.out.count("Gateway/team-egress/missing: there is no such object") == 2
