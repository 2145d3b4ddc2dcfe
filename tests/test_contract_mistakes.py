"""Mistakes at a terminal, and the commands that a report prints."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from checks.reports.printed_cluster import NAME_THE_CLUSTER
from tests.clusters.bundles import write_bundle
from tests.clusters.compose import Cluster, compose, named
from tests.command_line import ENVIRONMENT, PROGRAM, ask, refused
from tests.loopback.kube import KubeServer

BROKEN = compose(named("base"), {"remove": ["Service team-egress/egw"]})


def kubeconfig(folder: Path, *contexts: str) -> Path:
    path = folder / "config"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": contexts[0],
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": each, "context": {"cluster": "c", "user": "u"}} for each in contexts],
            }
        )
    )
    return path


def at_a_terminal(*words: str, folder: Path, env: Mapping[str, str] = ENVIRONMENT, program: Path = PROGRAM) -> str:
    """The output of the command at a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen([program, *words], cwd=folder, env=dict(env), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    printed = b""
    try:
        while piece := os.read(ours, 65536):
            printed += piece
    except OSError:  # the other end is closed
        pass
    done.wait(60)
    os.close(ours)
    return printed.decode().replace("\r\n", "\n")


def bundle(cluster: Cluster, folder: Path, context: str = "") -> Path:
    path = folder / "incident"
    write_bundle(cluster, path)
    about = yaml.safe_load((path / "bundle.yaml").read_text())
    (path / "bundle.yaml").write_text(yaml.safe_dump({**about, "context": context} if context else about))
    return path


@pytest.mark.slow
def test_names_in_the_wrong_order_get_the_right_one(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "KUBECONFIG": str(kubeconfig(tmp_path, "dev-weu", "prod-weu"))}
    of_context = refused("diagnose", "payments/egress", "prod-weu", env=environment, cwd=tmp_path)
    assert "the cluster comes first. Run `egress-diag diagnose prod-weu payments/egress`" in of_context
    (tmp_path / "egress-diag.yaml").write_text("clusters: [{name: aks, aliases: [weu], bundle: x}]")
    configured = refused("watch", "egw", "weu", env=environment, cwd=tmp_path)
    assert "Run `egress-diag watch weu egw`" in configured
    assert "comes first" not in refused("diagnose", "nowhere", "egw", env=environment, cwd=tmp_path)


@pytest.mark.slow
def test_an_error_has_80_columns_at_a_terminal_and_one_line_in_a_pipe(tmp_path: Path) -> None:
    words = ("diagnose", "payments/an-egress-gateway-with-a-long-name", "no-such-context-of-this-kubeconfig")
    environment = {**ENVIRONMENT, "KUBECONFIG": str(kubeconfig(tmp_path, *(f"context-{n}" for n in range(12))))}
    printed = at_a_terminal(*words, folder=tmp_path, env=environment)
    error = printed[printed.index("Error: ") :].rstrip("\n")
    assert len(error.splitlines()) > 1
    assert max(len(line) for line in printed.splitlines() if " " in line.strip()) <= 80, "a path is one word"
    assert ask(*words, env=environment, cwd=tmp_path).err.rstrip("\n").endswith(" ".join(error.split()))


@pytest.mark.slow
def test_the_plugin_of_kubectl_has_the_name_that_people_type(tmp_path: Path) -> None:
    plugin = PROGRAM.with_name("kubectl-egress_diag")
    printed = at_a_terminal("diagnose", folder=tmp_path, program=plugin)
    assert printed.startswith("Usage: kubectl egress-diag diagnose ")
    assert "Try 'kubectl egress-diag diagnose --help'" in printed


def verified(out: str) -> list[str]:
    return re.findall(r"egress-diag diagnose .*", out)


def test_a_command_that_is_printed_from_a_bundle_names_the_live_cluster(tmp_path: Path) -> None:
    """Before, it named the folder of the bundle: the command ended with exit code 2."""
    recorded = verified(ask("diagnose", "team-egress/egw", "--bundle", bundle(BROKEN, tmp_path, "aks-prod")).out)
    assert recorded
    for command in recorded:
        assert shlex.split(command)[2:5] == ["--context", "aks-prod", "team-egress/egw"]
    (tmp_path / "other").mkdir()
    of_azure = ask("diagnose", "team-egress/egw", "--bundle", bundle(BROKEN, tmp_path / "other")).out
    assert "kubectl --context aks1 " in of_azure
    assert all(shlex.split(command)[2:4] == ["--context", "aks1"] for command in verified(of_azure))


def test_a_bundle_without_any_context_leaves_the_cluster_to_be_set(tmp_path: Path) -> None:
    cluster = compose(named("base"), {"remove": ["StaticGatewayConfiguration team-egress/sgc"]})
    unnamed = bundle(replace(cluster, managed_cluster=None, agent_pools=None), tmp_path)
    printed = verified(ask("diagnose", "team-egress/egw", "--bundle", unnamed).out)
    assert printed
    for command in printed:
        assert command.startswith(f"egress-diag diagnose {NAME_THE_CLUSTER} ")
        done = subprocess.run(
            ["/bin/sh", "-c", command], capture_output=True, text=True, env=dict(ENVIRONMENT), check=False
        )
        assert "name of the live cluster in your configuration" in done.stderr


@pytest.mark.slow
def test_a_command_that_is_printed_with_a_kubeconfig_runs_as_printed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    with KubeServer(compose(named("base"), {"remove": ["StaticGatewayConfiguration team-egress/sgc"]})) as server:
        words = ("--kubeconfig", str(server.kubeconfig(tmp_path / "elsewhere")), "--azure", "none")
        diagnosed = ask("diagnose", "team-egress/egw", *words, cwd=tmp_path).out
        swept = ask("sweep", *words, cwd=tmp_path).out
        details = swept.partition("Details: ")[2].strip()
        for command in (verified(diagnosed)[0], details):
            assert ask(*shlex.split(command)[1:], "--azure", "none", cwd=tmp_path).code == 1, command


def test_a_sweep_has_columns_and_with_quiet_only_verdicts_and_root_causes(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for each, cluster in ((one, BROKEN), (other, named("base"))):
        each.mkdir()
        bundle(cluster, each)
    config = tmp_path / "egress-diag.yaml"
    names = {"a-cluster-with-a-long-name": one, "b": other}
    entries = [{"name": name, "bundle": str(each / "incident")} for name, each in names.items()]
    config.write_text(yaml.safe_dump({"clusters": entries}))
    lines = ask("sweep", "--config", config).out.splitlines()
    heads = [line for line in lines if line.startswith(("broken ", "healthy "))]
    assert [line.index("team-egress/egw") for line in heads] == [42, 42]
    assert not any("Broken:" in line or "Healthy:" in line for line in lines)
    quiet = ask("sweep", "--config", config, "--quiet")
    assert (quiet.code, [line.split()[0] for line in quiet.out.splitlines()]) == (1, ["broken", "EG304", "healthy"])
    assert "prints text" in refused("sweep", "--config", config, "--quiet", "--output", "json")
    assert ask("sweep", "--config", config, "-n", "nowhere").code == 0
    assert "worst first" in " ".join(ask("sweep", "--help").out.split())
