"""The command line with a kubeconfig and without a configuration file."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.clusters.compose import compose, named
from tests.command_line import ENVIRONMENT, PROGRAM, ROOT, Answer, ask, refused
from tests.loopback.azure import AzureServer
from tests.loopback.kube import KubeServer

GATEWAY = "team-egress/egw"

pytestmark = pytest.mark.slow  # a process for each case


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """A kubeconfig of a cluster, and a sign-in to Azure."""
    cluster = named("base")
    with KubeServer(cluster) as kube, AzureServer(cluster, kube=kube) as azure:
        yield {**ENVIRONMENT, **azure.environment(tmp_path), "KUBECONFIG": str(kube.kubeconfig(tmp_path))}


def run(*words: str, environment: Mapping[str, str], folder: Path) -> Answer:
    return ask(*words, env=environment, cwd=folder)


def test_one_word_after_diagnose_is_enough(environment: Mapping[str, str], tmp_path: Path) -> None:
    answer = run("diagnose", GATEWAY, "--output", "json", environment=environment, folder=tmp_path)
    assert (answer.code, answer.document["verdict"], answer.document["cluster"]) == (0, "healthy", "loopback")
    # Azure was read, with the managed cluster that the nodes name.
    assert answer.document["not_checked"] == []


def test_the_commands_that_it_prints_name_the_context_and_the_managed_cluster(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    with KubeServer(compose(named("base"), {"remove": ["Service team-egress/egw"]})) as kube:
        broken = {**environment, "KUBECONFIG": str(kube.kubeconfig(tmp_path))}
        answer = run("diagnose", GATEWAY, environment=broken, folder=tmp_path)
    assert answer.code == 1
    assert "kubectl --context loopback " in answer.out
    assert "--resource-group rg1 --name aks1" in answer.out


def test_without_a_sign_in_the_rest_is_checked_and_that_is_said_once(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    unsigned = {name: value for name, value in environment.items() if not name.startswith("AZURE_CLIENT")}
    answer = run("diagnose", GATEWAY, environment=unsigned, folder=tmp_path)
    assert answer.code == 3
    assert answer.out.count("az login") == 1
    assert "36 checked" in answer.out


def test_the_context_is_chosen_as_for_kubectl(environment: Mapping[str, str], tmp_path: Path) -> None:
    words = ("--azure", "none", "--only", "EG405")
    for more in (("loopback", GATEWAY), (GATEWAY, "--context", "loopback"), ("egw", "-n", "team-egress")):
        assert run("diagnose", *more, *words, environment=environment, folder=tmp_path).code == 0
    kubeconfig = environment["KUBECONFIG"]
    unset = {name: value for name, value in environment.items() if name != "KUBECONFIG"}
    answer = run("diagnose", GATEWAY, "--kubeconfig", kubeconfig, *words, environment=unset, folder=tmp_path)
    assert answer.code == 0
    assert 'no context "prod"; it has: loopback' in refused(
        "diagnose", GATEWAY, "--context", "prod", env=environment, cwd=tmp_path
    )
    assert "name different contexts" in refused(
        "diagnose", "loopback", GATEWAY, "--context", "prod", env=environment, cwd=tmp_path
    )


def test_saved_files_replace_azure(environment: Mapping[str, str], tmp_path: Path) -> None:
    bundle = ROOT / "examples" / "bundles" / "healthy" / "azure"
    saved = (
        "--managed-cluster",
        str(bundle / "managed-cluster.json"),
        "--agent-pools",
        str(bundle / "agent-pools.json"),
    )
    unsigned = {name: value for name, value in environment.items() if not name.startswith("AZURE_CLIENT")}
    answer = run("diagnose", GATEWAY, *saved, "--only", "EG101,EG107", environment=unsigned, folder=tmp_path)
    assert (answer.code, "az login" in answer.out) == (0, False)
    assert "need --managed-cluster" in refused("diagnose", GATEWAY, *saved[2:], env=unsigned, cwd=tmp_path)


def test_the_gateways_of_the_context_are_listed(environment: Mapping[str, str], tmp_path: Path) -> None:
    answer = run("list", environment=environment, folder=tmp_path)
    assert answer.code == 0
    header, row = answer.out.splitlines()
    assert header.split() == ["GATEWAY", "PODS", "READY", "REVISIONS", "STATICGATEWAYCONFIGURATION"]
    assert row.split() == [GATEWAY, "2", "of", "2", "asm-1-30", "sgc"]
    listed = run("list", "--output", "json", environment=environment, folder=tmp_path).document
    assert [(each["name"], each["ready"], each["replicas"]) for each in listed["gateways"]] == [("egw", 2, 2)]


def test_a_list_without_azure_says_what_it_does_not_have(environment: Mapping[str, str], tmp_path: Path) -> None:
    unsigned = {name: value for name, value in environment.items() if not name.startswith("AZURE_CLIENT")}
    answer = run("list", environment=unsigned, folder=tmp_path)
    assert answer.code == 0
    assert GATEWAY in answer.out
    assert answer.err.startswith("Gateways that are only in the mesh profile in Azure are not listed. Not signed")
    assert max(map(len, answer.err.splitlines())) <= 80


def test_a_sweep_checks_the_gateways_of_the_context(environment: Mapping[str, str], tmp_path: Path) -> None:
    answer = run("sweep", environment=environment, folder=tmp_path)
    assert answer.code == 0
    assert answer.out.startswith("healthy       loopback  team-egress/egw\n")
    assert "CLUSTERS are names of the configuration" in refused(
        "sweep", "prod", "--context", "loopback", env=environment, cwd=tmp_path
    )


def test_a_change_is_evaluated_over_a_live_cluster(environment: Mapping[str, str], tmp_path: Path) -> None:
    route = "VirtualService/team-egress/direct-cnn-through-egress-gateway"
    answer = run("diagnose", GATEWAY, "--without", route, "--output", "json", environment=environment, folder=tmp_path)
    applied = answer.document["if_applied"]
    assert (answer.code, answer.document["verdict"], applied["verdict"]) == (1, "healthy", "broken")
    assert [each["if_applied"]["outcome"] for each in applied["routes"]] == ["bypasses"]
    swept = run("sweep", "--without", route, environment=environment, folder=tmp_path)
    assert (swept.code, "1 gateway in 1 cluster: 1 would break" in swept.out) == (1, True)


def test_without_a_kubeconfig_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    message = refused("diagnose", GATEWAY, cwd=tmp_path)
    assert message.startswith(
        "without CLUSTER, the kubeconfig is used, but ~/.kube/config does not exist: create it with"
    )
    assert "az aks get-credentials" in message
    # Only a command that names a cluster needs to know that there is no configuration.
    assert "no configuration: use --config FILE" in refused("diagnose", "prod", GATEWAY, cwd=tmp_path)


def test_more_names_than_a_cluster_and_a_gateway(tmp_path: Path) -> None:
    assert "expected [CLUSTER] GATEWAY, not 3 names: a b c" in refused("diagnose", "a", "b", "c", cwd=tmp_path)


def test_the_cluster_of_a_bundle_needs_no_name(tmp_path: Path) -> None:
    bundle = ROOT / "examples" / "bundles" / "healthy"
    answer = ask("diagnose", GATEWAY, "--bundle", bundle, "--output", "json", cwd=tmp_path)
    assert (answer.code, answer.document["cluster"]) == (0, "healthy")


def test_kubectl_finds_the_plugin() -> None:
    """`kubectl egress-diag` starts a program of this name on PATH."""
    plugin = PROGRAM.with_name("kubectl-egress_diag")
    done = subprocess.run([plugin, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ask("--version").out
