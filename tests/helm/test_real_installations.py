"""The chart in a real API server: examples, settings, upgrades with a rollback.

`KUBEBUILDER_ASSETS=… pytest -m live tests/helm`. The namespaces enforce the level `restricted` of pod security.
"""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from checks.catalogue import catalogue
from checks.engine.permissions import cluster_role, namespaced_role
from tests.helm.chart import CHART, LEAST, Json, merged, pods, program, rendered
from tests.helm.installed import ASSETS, DEFINITIONS, LIVE, create_classes
from tests.helm.manifests import RESOURCES, model
from tests.helm.matrix import EXAMPLES, HERE, MATRIX, RULE
from tests.helm.test_chart import rights
from tests.helm.test_real_cluster import mounted
from tests.helm.test_upgrade import known, needs_a_subject, newest, released_schema
from tests.loopback.apiserver import ApiServer

pytestmark = LIVE

CUSTOM = {
    ("keda.sh", "v1alpha1"): ("ScaledObject", "TriggerAuthentication"),
    ("monitoring.coreos.com", "v1"): ("ServiceMonitor", "PodMonitor", "PrometheusRule"),
    ("secrets-store.csi.x-k8s.io", "v1"): ("SecretProviderClass",),
}
"""Kinds of other operators: stand-ins with the schemas of tests/helm/schemas."""


@dataclass
class Place:
    """A namespace of the server with a release `egress-diag`."""

    server: ApiServer
    namespace: str

    def helm(self, *arguments: str, values: Json | None = None) -> subprocess.CompletedProcess[str]:
        """Run helm in the namespace."""
        place = ["--namespace", self.namespace, "--kubeconfig", str(self.server.kubeconfig())]
        return subprocess.run(
            [program("helm"), *arguments, *place, *(["--values", "-"] if values is not None else [])],
            input=json.dumps(values) if values is not None else "",
            env={"PATH": os.defpath, "HOME": str(self.server.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def done(self, *arguments: str, values: Json | None = None) -> str:
        """The output of helm, which must succeed."""
        found = self.helm(*arguments, values=values)
        assert found.returncode == 0, found.stderr
        return found.stdout

    def objects(self) -> list[Json]:
        """The objects of the release, as helm has applied them."""
        return [each for each in yaml.safe_load_all(self.done("get", "manifest", "egress-diag")) if each]

    def password(self) -> str:
        """The password of the chart's Redis."""
        found = self.server.ask("GET", f"/api/v1/namespaces/{self.namespace}/secrets/egress-diag-redis")
        return base64.b64decode(found["data"]["redis-password"]).decode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server with the real definitions, and stand-ins of other operators."""
    program("helm")
    with ApiServer(Path(str(ASSETS)), tmp_path_factory.mktemp("cluster")) as found:
        folder = tmp_path_factory.mktemp("definitions")
        for (group, version), kinds in CUSTOM.items():
            for kind in kinds:
                path = folder / f"{kind}.yaml"
                path.write_text(yaml.safe_dump(definition(group, version, kind)))
        found.install(DEFINITIONS)
        found.install(folder)
        create_classes(found)
        for name in ("payments", "aks-istio-egress"):
            found.create([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
        yield found


def definition(group: str, version: str, kind: str) -> Json:
    """A CustomResourceDefinition with the fields of a schema in tests/helm/schemas."""
    file = RESOURCES / f"{kind.lower()}-{group.partition('.')[0]}-{version}.json"
    fields = structural(json.loads(file.read_text())["properties"]["spec"])
    schema = {"type": "object", "properties": {"spec": fields}}
    plural = "secretproviderclasses" if kind == "SecretProviderClass" else f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def structural(schema: Any) -> Any:
    """A JSON schema as a structural one, which drops unknown fields."""
    kind = schema.get("type", "string")
    if "properties" in schema:
        return {"type": "object", "properties": {key: structural(each) for key, each in schema["properties"].items()}}
    if kind == "array" and "items" in schema:
        return {"type": "array", "items": structural(schema["items"])}
    if kind in ("object", "array"):
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True} if kind == "object" else ANYTHING
    return {"type": kind}


ANYTHING = {"type": "array", "items": {"x-kubernetes-preserve-unknown-fields": True}}


def place(server: ApiServer, namespace: str) -> Place:
    labels = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
    server.create([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}])
    return Place(server, namespace)


def secret(name: str, *keys: str) -> Json:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict.fromkeys(keys, "x")}


# installations

NEEDED: dict[str, list[Json]] = {
    "socket-mode": [secret("egress-diag-slack", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")],
    "http-external-redis": [
        secret("egress-diag-slack", "SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"),
        secret("egress-diag-redis", "redis-password"),
    ],
    "hub": [secret("egress-diag-slack", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")],
    "key-vault": [],  # the Secrets Store CSI driver creates the Secret
    "corporate-network": [
        secret("egress-diag-slack", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "corporate-ca"}, "data": {"ca.crt": "x"}},
    ],
    "target-cluster": [],
}
"""The objects that the examples name and do not create."""


def test_every_example_is_installed() -> None:
    assert set(NEEDED) == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_installed_and_its_pods_are_admitted(server: ApiServer, name: str) -> None:
    here = place(server, f"example-{name}")
    wanted = [each["metadata"]["name"] for each in NEEDED[name]]
    first = here.helm("install", "egress-diag", str(CHART), values=EXAMPLES[name])
    assert first.returncode == 0, first.stderr
    assert "PodSecurity" not in first.stderr, first.stderr
    assert all(f" {each} was not found in namespace {here.namespace}" in first.stdout for each in wanted), first.stdout
    for each in NEEDED[name]:
        api = f"/api/v1/namespaces/{here.namespace}/{each['kind'].lower()}s"
        server.ask("POST", api, each)
    second = here.done("upgrade", "egress-diag", str(CHART), values=EXAMPLES[name])
    assert "Missing" not in second, second
    for component, each in pods(rendered(EXAMPLES[name])):
        admitted(here, component, each)
    applied = here.objects()
    assert len(applied) >= 4
    assert {each["kind"] for each in applied} == {each["kind"] for each in rendered(EXAMPLES[name])} - {"Pod"}
    here.done("uninstall", "egress-diag")


def admitted(here: Place, component: str, template: Json) -> None:
    """Fails if the server refuses the pod, which gets a claim for each volume of a StatefulSet."""
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], "name": component},
        "spec": mounted(template["spec"]),
    }
    here.server.ask("POST", f"/api/v1/namespaces/{here.namespace}/pods?dryRun=All&fieldValidation=Strict", body)


SETTINGS = [
    *("every setting of pods", "a corporate certificate authority in a ConfigMap", "an internal load balancer"),
    *("a port of the nodes", "HTTP with an HTTPRoute", "an existing volume claim", "further objects"),
    *("node placement and monitoring", "with permission to list Secrets in two namespaces"),
    "scaled by the queue of an external Redis with a private certificate authority",
]


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_is_applied_and_its_pods_are_admitted(server: ApiServer, name: str) -> None:
    """With custom resources, which the strict validation of other tests leaves out."""
    here = place(server, f"setting-{SETTINGS.index(name)}")
    values = merged(LEAST, MATRIX[name])
    here.done("install", "egress-diag", str(CHART), values=values)
    for component, each in pods(rendered(values)):
        admitted(here, component, each)
    for each in here.objects():
        if model(each) is None:
            stored = server.ask("GET", path_of(each, here.namespace))
            assert covers(stored["spec"], each["spec"]), "the server dropped a field"
    here.done("uninstall", "egress-diag")


def path_of(found: Json, namespace: str) -> str:
    plural = {"SecretProviderClass": "secretproviderclasses"}.get(found["kind"], found["kind"].lower() + "s")
    return f"/apis/{found['apiVersion']}/namespaces/{namespace}/{plural}/{found['metadata']['name']}"


def covers(stored: Any, wanted: Any) -> bool:
    """Whether the server kept every field; it may have added defaults."""
    if isinstance(wanted, dict):
        return all(key in stored and covers(stored[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(stored) == len(wanted) and all(covers(a, b) for a, b in zip(stored, wanted, strict=True))
    return bool(stored == wanted)


# upgrades

WAYS = ("--values", "--reset-then-reuse-values", "--reuse-values")
UPGRADED = [
    *("only required values", "this cluster, with Socket Mode", "HTTP with an Ingress", "with probe and restart"),
    *("an external Redis with a private certificate authority and no password", "scaled by CPU"),
    *("scaled by the queue", "existing service accounts", "only roles and bindings", "node placement and monitoring"),
]
"""Installations of the released chart that are upgraded."""
NEW: Json = {
    "config": {"clusters": [HERE], "access": [RULE], "probe": {"namespaces": ["payments"]}},
    "actions": {"enabled": True},
    "rbac": {"probe": {"namespaces": ["payments"]}},
    "caBundle": {"configMap": "corporate-ca"},
    "monitoring": {"dashboard": {"enabled": True}},
    "pod": {"podSecurityContext": {"runAsUser": 20000}},
}
"""Values that the released chart does not know."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", UPGRADED)
def test_the_released_chart_is_upgraded_and_rolled_back(server: ApiServer, name: str, way: str) -> None:
    here = place(server, f"upgrade-{UPGRADED.index(name)}-{WAYS.index(way)}")
    before = known(merged(LEAST, MATRIX[name]), released_schema())
    here.done("install", "egress-diag", str(newest()), values=before)
    released = here.objects()
    password = here.password() if has_password(released) else ""
    upgrade = ("upgrade", "egress-diag", str(CHART))
    own = merged(LEAST, MATRIX[name])
    more: Json = {"actions": {"enabled": True}} if needs_a_subject(before) else {}
    if more and way != "--values":
        more["config"] = {"probe": {"namespaces": ["payments"]}}
        assert "no subject takes active steps" in here.helm(*upgrade, way).stderr
    printed = here.done(*upgrade, values=own) if way == "--values" else here.done(*upgrade, way, values=more)
    assert "REVISION: 2" in printed
    assert not has_password(released) or here.password() == password
    assert {"egress-diag-0.2.0"} == charts(here.objects()) - {None}
    here.done("rollback", "egress-diag", "1")
    assert charts(here.objects()) - {None} == charts(released) - {None}
    assert not has_password(released) or here.password() == password
    if not MATRIX[name].get("rbacOnly"):
        again = NEW if way != "--values" else merged(own, NEW)
        here.done(*upgrade, *([] if way == "--values" else [way]), values=again)
        for component, each in pods(here.objects()):
            assert each["spec"]["securityContext"]["runAsNonRoot"] is True
            assert each["spec"]["securityContext"]["runAsUser"] == 20000
            admitted(here, component, each)
        assert "REVISION: 5" in here.done("rollback", "egress-diag", "2") + here.done("status", "egress-diag")
    here.done("uninstall", "egress-diag")


def charts(objects: list[Json]) -> set[str | None]:
    """The charts, with their versions, that made the objects."""
    return {each["metadata"].get("labels", {}).get("helm.sh/chart") for each in objects}


def has_password(objects: list[Json]) -> bool:
    return any(each["kind"] == "Secret" and each["metadata"]["name"] == "egress-diag-redis" for each in objects)


# what the chart reads from the cluster


def test_a_configuration_in_an_existing_config_map_gets_its_bindings(server: ApiServer) -> None:
    here = place(server, "existing-config")
    values = merged(LEAST, {"existingConfigMap": "mine"})
    refused = here.helm("install", "egress-diag", str(CHART), values=values)
    assert (
        "the ConfigMap mine with the key config.yaml could not be read in namespace existing-config" in refused.stderr
    )
    api = "/api/v1/namespaces/existing-config/configmaps"
    written = {"clusters": [{"name": "far", "azure": "none", "kubeconfig": "/x"}]}
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "mine"},
        "data": {"config.yaml": json.dumps(written)},
    }
    server.ask("POST", api, body)
    here.done("install", "egress-diag", str(CHART), values=values)
    assert "ClusterRoleBinding" not in {each["kind"] for each in here.objects()}
    written["clusters"].append(HERE)
    server.ask("PUT", f"{api}/mine", {**body, "data": {"config.yaml": json.dumps(written)}})
    here.done("upgrade", "egress-diag", str(CHART), values=values)
    found = here.objects()
    assert "ClusterRoleBinding" in {each["kind"] for each in found}
    assert dict(pods(found))["worker"]["spec"]["automountServiceAccountToken"] is True
    here.done("uninstall", "egress-diag")


def test_the_notes_name_a_missing_key(server: ApiServer) -> None:
    here = place(server, "missing-key")
    server.ask("POST", "/api/v1/namespaces/missing-key/secrets", secret("slack", "SLACK_BOT_TOKEN"))
    printed = here.done("install", "egress-diag", str(CHART), values=LEAST)
    assert "- Secret slack has no key SLACK_APP_TOKEN. Pods wait for it." in printed
    here.done("uninstall", "egress-diag")


# permissions in single namespaces

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def test_permissions_in_single_namespaces_are_tried_one_by_one(server: ApiServer) -> None:
    """Every verb of every resource that a check reads, inside and outside the namespaces."""
    here = place(server, "three-namespaces")
    values = {"config": {"clusters": [HERE]}, "rbac": {"namespaces": ["payments"], "secretNamespaces": ["payments"]}}
    here.done("install", "egress-diag", str(CHART), values=merged(LEAST, values))
    declared = rights(namespaced_role(catalogue())["rules"])
    named = {(group, name) for group, name, _ in declared | rights(cluster_role(catalogue())["rules"])}
    tried = {(group, name, verb) for group, name in named for verb in VERBS}
    assert len(tried) > 250
    for namespace, expected in (("payments", declared), ("aks-istio-egress", set()), ("", set())):
        assert allowed(here, "egress-diag-worker", tried, namespace) == expected, namespace
    here.done("uninstall", "egress-diag")


def allowed(here: Place, account: str, wanted: set[tuple[str, str, str]], namespace: str) -> set[tuple[str, str, str]]:
    """The permissions that an account of the release has, each by a review of its own."""
    user = f"system:serviceaccount:{here.namespace}:{account}"

    def tried(right: tuple[str, str, str]) -> bool:
        group, resource, verb = right
        name, _, part = resource.partition("/")
        what = {"verb": verb, "group": group, "resource": name, "subresource": part, "namespace": namespace}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": ["system:authenticated"], "resourceAttributes": what},
        }
        found = here.server.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
        return bool(found["status"]["allowed"])

    ordered = sorted(wanted)
    with ThreadPoolExecutor(6) as pool:
        return {right for right, yes in zip(ordered, pool.map(tried, ordered), strict=True) if yes}
