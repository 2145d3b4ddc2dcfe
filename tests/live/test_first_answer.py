"""The first answer after the installation of the wheel, with a kubeconfig and nothing else.

The API server is real. One identity may read the whole cluster, the other has the Role of docs/permissions.md in three
namespaces.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.engine.permissions import namespaced_role
from tests.clusters.bundles import write_bundle
from tests.clusters.compose import compose, named
from tests.distributions.installed import Installed, built_wheel
from tests.docs.namespaces_only import NAMESPACES, unknown_codes
from tests.helm.installed import ASSETS, DEFINITIONS, LIVE
from tests.incidents.incidents import incidents
from tests.loopback.apiserver import ADMIN, UNPRIVILEGED, ApiServer

pytestmark = LIVE

COMMAND = ("egress-diag", "diagnose", "team-egress/egw")
SECONDS = 20.0
"""The time in which the command answers, without a sign-in to Azure. Measured: 2 to 3 s."""
ROOT = Path(__file__).parents[2]
# There are no kubelets here. For a node without addresses, the API server immediately reports that it has no logs.
NO_KUBELETS = {"kind": "Node", "metadata": {"name": "*"}, "status": {"addresses": None}}


@dataclass(frozen=True)
class Desk:
    """The installed wheel, an empty folder, and a home folder with a kubeconfig."""

    server: ApiServer
    installed: Installed
    folder: Path

    def run(self, token: str, *words: str) -> tuple[int, str, str, float]:
        """Exit code, standard output, errors and seconds of `COMMAND` with more words."""
        home = self.folder / f"home-{token}"
        bare = self.folder / f"bare-{token}"
        for each in (home / ".kube", bare):
            each.mkdir(parents=True, exist_ok=True)
        (home / ".kube/config").write_text(self.server.kubeconfig(token).read_text())
        assert list(bare.iterdir()) == []
        began = time.monotonic()
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        done = self.installed.egress_diag(*COMMAND[1:], *words, cwd=bare, env=environment)
        return done.returncode, done.stdout, done.stderr, time.monotonic() - began


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("venv") / "venv", built_wheel(ROOT, tmp_path_factory.mktemp("wheel")))


def served(name: str, installed: Installed, folder: Path) -> Iterator[Desk]:
    """A real API server with the two identities and the objects of an incident.

    Without an incident of this name, they are those of the healthy cluster.
    """
    story = next((each.cluster for each in incidents() if each.name == name), named("base"))
    cluster = replace(story, objects=compose(replace(story), {"change": [NO_KUBELETS]}).objects)
    with ApiServer(Path(str(ASSETS)), folder) as server:
        server.install(DEFINITIONS)
        existing = {"default", "kube-system", "kube-public", "kube-node-lease"}
        server.create(
            each
            for each in cluster.objects
            if not (each["kind"] == "Namespace" and each["metadata"]["name"] in existing)
        )
        for namespace in NAMESPACES:
            bind(server, namespace)
        write_bundle(named("base"), folder / "saved")
        yield Desk(server, installed, folder)


def bind(server: ApiServer, namespace: str) -> None:
    """Create the Role of the page in a namespace, and bind it to the second identity."""
    group = "rbac.authorization.k8s.io"
    root = f"/apis/{group}/v1/namespaces/{namespace}"
    server.ask("POST", f"{root}/roles", namespaced_role(catalogue()))
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "egress-diag"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "egress-diag"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": "unprivileged"}],
    }
    server.ask("POST", f"{root}/rolebindings", binding)


@pytest.fixture(scope="module")
def broken_route(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    yield from served("031-gateway-selector-typo", installed, tmp_path_factory.mktemp("route"))


@pytest.fixture(scope="module")
def broken_configuration(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    yield from served("016-bad-exclude-cidrs", installed, tmp_path_factory.mktemp("configuration"))


@pytest.fixture(scope="module")
def healthy(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    yield from served("", installed, tmp_path_factory.mktemp("healthy"))


def test_one_command_in_an_empty_folder_names_the_root_cause(broken_route: Desk) -> None:
    code, out, err, seconds = broken_route.run(ADMIN)
    print(f"\n{len(' '.join(COMMAND)) + 1} keystrokes, {seconds:.1f} s\n{out[:1500]}")
    assert code == 1, (out, err)
    assert "Traceback" not in out + err
    assert out.startswith("Broken: ")
    assert out.count("az login") == 1, "the missing sign-in to Azure is reported once"
    assert seconds < SECONDS
    document = json.loads(broken_route.run(ADMIN, "--output", "json")[1])
    assert document["root_causes"] == ["gateway-selector-mismatch"]


def test_three_role_bindings_are_enough_for_a_fault_in_these_namespaces(broken_configuration: Desk) -> None:
    code, out, _, seconds = broken_configuration.run(UNPRIVILEGED)
    print(f"\n{seconds:.1f} s\n{out[:1500]}")
    assert code == 1, out
    assert out.startswith("Broken: ")
    document = json.loads(broken_configuration.run(UNPRIVILEGED, "--output", "json")[1])
    assert document["root_causes"] == ["gateway-configuration-invalid"]
    assert seconds < SECONDS


def test_three_role_bindings_leave_unknown_what_the_page_lists(healthy: Desk) -> None:
    """Logs are unknown here for another reason: there are no kubelets."""
    saved = healthy.folder / "saved/azure"
    azure = [f"--{name}={saved / name}.json" for name in ("managed-cluster", "agent-pools", "resources")]
    code, out, err, _ = healthy.run(UNPRIVILEGED, *azure, "--output", "json")
    assert code == 3, (out, err)
    found: dict[str, Any] = json.loads(out)
    statuses = {each["code"]: each["status"] for each in found["findings"]}
    logs = {each["code"] for each in found["findings"] if "pods/log" in each["summary"]}
    assert "fail" not in statuses.values()
    assert {code for code, status in statuses.items() if status == "unknown"} - logs == unknown_codes() - logs
    (reason,) = [each["reason"] for each in found["not_checked"] if "namespaces" in each["reason"]]
    assert reason == (
        "Other namespaces than aks-istio-system, aks-static-egress-gateway and team-egress were not seen: reading the "
        "whole cluster is forbidden (403)"
    )


def test_a_fault_in_another_namespace_is_not_hidden_by_three_role_bindings(broken_route: Desk) -> None:
    code, out, _, _ = broken_route.run(UNPRIVILEGED)
    assert code == 3, out
    assert "EG505" in out
