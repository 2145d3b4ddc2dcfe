"""The chart in a real API server: installation, upgrade, and each account's permissions.

`KUBEBUILDER_ASSETS=… pytest -m live tests/helm`. The server has no controllers and no nodes, so the tests inspect the
objects. Pod security admission is real.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3

from checks import __version__
from checks.actions.step_permissions import PROBE, RESTART, action_rules
from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig
from checks.engine.permissions import cluster_role
from checks.facts.fact import Fact, Gap, Listed
from checks.sources.live import close_sources, open_source
from tests.docs.commands import blocks
from tests.helm.chart import CHART, LEAST, Json, merged, pods, program, rendered
from tests.helm.installed import ASSETS, DEFINITIONS, LIVE, NAMESPACE, InstalledChart, create_classes
from tests.helm.manifests import model
from tests.helm.matrix import HERE, MATRIX, RULE
from tests.helm.test_chart import rights
from tests.helm.test_upgrade import known, newest, released_schema
from tests.loopback.apiserver import ApiServer

pytestmark = LIVE

VALUES: Json = merged(
    LEAST,
    {
        "config": {"clusters": [HERE], "access": [RULE], "probe": {"namespaces": ["payments"]}},
        "actions": {"enabled": True},
        "rbac": {
            "probe": {"namespaces": ["payments"]},
            "restart": {"namespaces": ["payments"]},
            "listSecrets": True,
        },
    },
)


@dataclass
class Cluster(InstalledChart):
    """The server, and helm's output from installing the released chart and upgrading it."""

    installed: str = ""
    upgraded: str = ""
    passwords: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server with the released chart upgraded to the current one, and the real CRDs."""
    program("helm")
    with ApiServer(Path(str(ASSETS)), tmp_path_factory.mktemp("cluster")) as server:
        found = Cluster(server)
        server.install(DEFINITIONS)
        create_classes(server)
        for name, labels in {
            NAMESPACE: {"pod-security.kubernetes.io/enforce": "restricted"},
            "payments": {},
            "aks-istio-egress": {},
            "aks-istio-system": {},
            "aks-static-egress-gateway": {},
            "elsewhere": {},
        }.items():
            made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
            assert found.ask("POST", "/api/v1/namespaces", made)[0] == 201
        found.installed = found.helm("install", "egress-diag", str(newest()), values=known(VALUES, released_schema()))
        found.passwords.append(found.password())
        found.upgraded = found.helm("upgrade", "egress-diag", str(CHART), values=VALUES)
        found.passwords.append(found.password())
        yield found
        close_sources()


def test_helm_installs_the_chart_and_shows_the_next_step(cluster: Cluster) -> None:
    assert "helm test egress-diag -n egress-diag" in cluster.installed
    _, found = cluster.ask("GET", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments")
    assert {each["metadata"]["name"].removeprefix("egress-diag-") for each in found["items"]} == {
        "actions",
        "beat",
        "bot",
        "courier",
        "worker",
    }


def test_an_upgrade_succeeds_and_keeps_the_redis_password(cluster: Cluster) -> None:
    assert "REVISION: 2" in cluster.upgraded
    first, second = cluster.passwords
    assert first == second
    assert len(first) == 32


PATHS = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"}


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())
def test_the_server_accepts_every_object_with_strict_validation(cluster: Cluster, values: Json) -> None:
    for each in rendered(values):
        if model(each) is None:
            continue  # a kind of KEDA or of the Prometheus operator
        group = each["apiVersion"]
        root = f"/apis/{group}" if "/" in group else f"/api/{group}"
        plural = PATHS.get(each["kind"], each["kind"].lower() + "s")
        namespace = each["metadata"].get("namespace", "elsewhere")
        scope = "" if each["kind"].startswith("Cluster") else f"/namespaces/{namespace}"
        path = f"{root}{scope}/{plural}/{each['metadata']['name']}"
        strictly = "fieldManager=test&force=true&dryRun=All&fieldValidation=Strict"
        status, reply = cluster.ask("PATCH", f"{path}?{strictly}", each, kind="application/apply-patch+yaml")
        assert status in (200, 201), reply


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())
def test_pod_security_admits_every_pod_under_the_restricted_profile(cluster: Cluster, values: Json) -> None:
    for component, each in pods(rendered(values)):
        status, reply = create(cluster, component, each["metadata"]["labels"], each["spec"])
        assert status == 201, reply


def test_pod_security_admission_is_active(cluster: Cluster) -> None:
    status, reply = create(cluster, "loose", {}, {"containers": [{"name": "x", "image": "x"}]})
    assert (status, "violates PodSecurity" in reply["message"]) == (403, True)


def create(cluster: Cluster, name: str, labels: Json, spec: Json) -> tuple[int, Any]:
    wanted = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": mounted(spec)}
    return cluster.ask("POST", f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All", wanted)


def mounted(spec: Json) -> Json:
    """The pod with a volume for each mount, as the StatefulSet controller would add them."""
    known = {volume["name"] for volume in spec.get("volumes", [])}
    wanted = {mount["name"] for each in spec["containers"] for mount in each.get("volumeMounts", [])}
    claims = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in sorted(wanted - known)]
    return {**spec, "volumes": [*spec.get("volumes", []), *claims]}


# the permissions of the accounts


def kinds() -> list[type[Fact]]:
    return sorted({kind for check in catalogue() for kind in check.reads}, key=lambda kind: kind.__name__)


def test_the_workers_account_can_read_everything_that_the_checks_declare(cluster: Cluster, tmp_path: Path) -> None:
    source = open_source(
        ClusterConfig(name="real", kubeconfig=str(cluster.kubeconfig(tmp_path, "egress-diag-worker")), azure="none")
    )
    read = [kind for kind in kinds() if isinstance(kind.origin, Listed)]
    assert len(read) >= 25
    for kind in read:
        assert isinstance(kind.origin, Listed)
        answer = source.list_objects(kind.origin, deadline=10**9)
        assert not isinstance(answer, Gap), f"{kind.__name__}: {answer}"
    assert not isinstance(source.server_version(10**9), Gap)
    assert may(cluster, "egress-diag-worker", "get", "", "pods", "log")


def may(
    cluster: Cluster, account: str, verb: str, group: str, resource: str, sub: str = "", namespace: str = ""
) -> bool:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {
                "verb": verb, "group": group, "resource": resource, "subresource": sub, "namespace": namespace
            }
        },
    }  # fmt: skip
    status, found = cluster.ask(
        "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body, cluster.token(account)
    )
    assert status == 201, found
    return bool(found["status"]["allowed"])


EVERYBODY = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}
"""Permissions of every authenticated account."""


def granted(cluster: Cluster, account: str, namespace: str) -> set[tuple[str, str, str]]:
    """All permissions of an account in a namespace according to the server."""
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    status, found = cluster.ask(
        "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body, cluster.token(account)
    )
    assert status == 201, found
    return {each for each in rights(found["status"]["resourceRules"]) if each[1] not in EVERYBODY}


def test_the_workers_account_has_exactly_these_permissions(cluster: Cluster) -> None:
    declared = rights(cluster_role(catalogue())["rules"])
    assert granted(cluster, "egress-diag-worker", "kube-system") == declared
    assert granted(cluster, "egress-diag-worker", NAMESPACE) == declared
    assert granted(cluster, "egress-diag-worker", "payments") == declared


def test_the_action_workers_account_has_exactly_these_permissions(cluster: Cluster) -> None:
    lists = rights(action_rules())
    assert granted(cluster, "egress-diag-actions", NAMESPACE) == lists
    assert granted(cluster, "egress-diag-actions", "kube-system") == lists
    assert granted(cluster, "egress-diag-actions", "payments") == lists | rights(PROBE) | rights(RESTART)


def test_the_bots_account_has_no_permissions(cluster: Cluster) -> None:
    assert granted(cluster, "egress-diag", NAMESPACE) == set()
    assert cluster.ask("GET", "/api/v1/pods", token=cluster.token("egress-diag"))[0] == 403


RBAC = "rbac.authorization.k8s.io/v1"
POD: Json = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "x"},
    "spec": {"containers": [{"name": "x", "image": "x"}]},
}
ROLE: Json = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "more"},
    "rules": [],
}
REFUSED: dict[str, tuple[str, str, Any]] = {
    "read what is in a Secret": ("GET", "/api/v1/namespaces/egress-diag/secrets/egress-diag-redis", None),
    "watch": ("GET", "/api/v1/pods?watch=true&timeoutSeconds=1", None),
    "exec": ("POST", "/api/v1/namespaces/egress-diag/pods/x/exec?command=sh", None),
    "attach": ("POST", "/api/v1/namespaces/egress-diag/pods/x/attach", None),
    "port-forward": ("POST", "/api/v1/namespaces/egress-diag/pods/x/portforward", None),
    "create a pod": ("POST", "/api/v1/namespaces/egress-diag/pods", POD),
    "create a pod elsewhere": ("POST", "/api/v1/namespaces/kube-system/pods", POD),
    "delete a pod": ("DELETE", "/api/v1/namespaces/egress-diag/pods/x", None),
    "delete all pods": ("DELETE", "/api/v1/namespaces/egress-diag/pods", None),
    "change a Deployment": ("PUT", "/apis/apps/v1/namespaces/egress-diag/deployments/egress-diag-bot", {}),
    "scale a Deployment": ("PUT", "/apis/apps/v1/namespaces/egress-diag/deployments/egress-diag-bot/scale", {}),
    "change a ConfigMap": ("PUT", "/api/v1/namespaces/egress-diag/configmaps/egress-diag-config", {}),
    "delete a namespace": ("DELETE", "/api/v1/namespaces/payments", None),
    "delete a configuration": (
        "DELETE",
        "/apis/egressgateway.kubernetes.azure.com/v1alpha1/namespaces/payments/staticgatewayconfigurations/x",
        None,
    ),
    "grant itself more": ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", ROLE),
    "take another account's token": (
        "POST",
        "/api/v1/namespaces/kube-system/serviceaccounts/default/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    ),
    "read service accounts": ("GET", "/api/v1/serviceaccounts", None),
    "go through a node": ("GET", "/api/v1/nodes/x/proxy/metrics", None),
    "go through a Service": ("GET", "/api/v1/namespaces/egress-diag/services/egress-diag-bot/proxy/", None),
}


@pytest.mark.parametrize("account", ["egress-diag-worker", "egress-diag-actions"])
@pytest.mark.parametrize(("verb", "path", "body"), REFUSED.values(), ids=REFUSED.keys())
def test_everything_else_is_refused(cluster: Cluster, verb: str, path: str, body: Any, account: str) -> None:
    status, reply = cluster.ask(verb, path, body, cluster.token(account))
    assert status == 403, reply


PROBED: dict[str, tuple[str, str, Any]] = {
    "create a pod": ("POST", "/api/v1/namespaces/payments/pods", POD),
    "delete a pod": ("DELETE", "/api/v1/namespaces/payments/pods/x", None),
    "delete all Jobs": ("DELETE", "/apis/batch/v1/namespaces/payments/jobs", None),
    "read Secrets": ("GET", "/api/v1/namespaces/payments/secrets", None),
    "exec": ("POST", "/api/v1/namespaces/payments/pods/x/exec?command=sh", None),
    "scale a Deployment": ("PATCH", "/apis/apps/v1/namespaces/payments/deployments/x/scale", {}),
    "delete a Deployment": ("DELETE", "/apis/apps/v1/namespaces/payments/deployments/x", None),
    "create a Job elsewhere": ("POST", "/apis/batch/v1/namespaces/aks-istio-egress/jobs", {}),
}
"""Requests that the action worker may not make, even where it takes active steps."""


@pytest.mark.parametrize(("verb", "path", "body"), PROBED.values(), ids=PROBED.keys())
def test_the_action_worker_may_do_nothing_else_where_it_probes(
    cluster: Cluster, verb: str, path: str, body: Any
) -> None:
    kind = "application/merge-patch+json" if verb == "PATCH" else "application/json"
    status, reply = cluster.ask(verb, path, body, cluster.token("egress-diag-actions"), kind)
    assert status == 403, reply


@pytest.mark.parametrize("account", ["egress-diag-worker", "egress-diag-actions"])
def test_no_account_can_impersonate(cluster: Cluster, account: str) -> None:
    headers = {"Authorization": f"Bearer {cluster.token(account)}", "Impersonate-User": "admin"}
    answer: urllib3.BaseHTTPResponse = cluster.server.http.request(
        "GET", f"{cluster.server.url}/api/v1/pods", headers=headers
    )
    assert answer.status == 403


ALSO_READ = {("list", "pods")}
"""Permissions of a probe that planning has in every namespace."""


def test_probes_and_restarts_are_allowed_only_in_the_configured_namespaces(cluster: Cluster) -> None:
    account = "egress-diag-actions"
    for rule in [*PROBE, *RESTART]:
        for resource in rule["resources"]:
            name, _, sub = resource.partition("/")
            for verb in rule["verbs"]:
                assert may(cluster, account, verb, rule["apiGroups"][0], name, sub, "payments"), f"{verb} {resource}"
                elsewhere = may(cluster, account, verb, rule["apiGroups"][0], name, sub, "aks-istio-egress")
                assert elsewhere == ((verb, resource) in ALSO_READ)


def test_the_install_page_works_as_printed(cluster: Cluster, tmp_path: Path) -> None:
    """Run the values block and the helm commands as printed, up to the steps that need nodes."""
    page = blocks("docs/install.md")
    (values,) = [block.script for block in page if not block.needs]
    helm = program("helm")
    (tmp_path / "helm").symlink_to(CHART.parent)
    environment = {
        "PATH": f"{Path(helm).parent}:{os.defpath}",
        "HOME": str(tmp_path),
        "KUBECONFIG": str(cluster.server.kubeconfig()),
    }
    commands = [line for block in page if block.needs == "kubernetes" for line in block.script.splitlines()]
    rights_only, install = [line for line in commands if line.startswith("helm upgrade --install")]
    uninstall = next(line for line in commands if line.startswith("helm uninstall"))
    # In a namespace and under a name of its own, beside the release of the other tests.
    for script in (values, install, uninstall, rights_only, uninstall):
        # The published chart of the page is that of the repository here.
        here = script.replace("--namespace egress-diag", "--namespace elsewhere").replace(
            f" egress-diag oci://ghcr.io/egress-diag/charts/egress-diag --version {__version__}",
            " followed helm/egress-diag",
        )
        assert "oci://" not in here
        here = here.replace("uninstall egress-diag", "uninstall followed")
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", here],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{here}\n{done.stderr}"
        if script is rights_only:
            bindings = cluster.ask("GET", f"/apis/{RBAC}/clusterrolebindings")[1]["items"]
            names = {each["metadata"]["name"]: each for each in bindings}
            (read,) = [n for n in names if n.startswith("elsewhere-followed-egress-diag-") and n.endswith("-read")]
            assert names[read]["subjects"][0]["kind"] == "User"
