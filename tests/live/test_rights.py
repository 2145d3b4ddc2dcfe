"""Each permission of each account of the chart, one by one, by a real API server."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checks.actions.probe_objects import probe_job
from checks.actions.step_permissions import PROBE, RESTART, action_rules, single_rights
from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig
from checks.doctor.action_rights import action_rights
from checks.doctor.requirement_lines import DoctorOptions, State
from checks.doctor.requirements import ACTION_RIGHT
from checks.engine.permissions import cluster_role
from checks.facts.namespaces import Secret
from checks.sources.live import open_source
from checks.sources.source import Objects
from tests.helm.installed import LIVE, NAMESPACE
from tests.helm.test_chart import rights
from tests.live.cluster import ACTIONS, StepCluster, write_step_config

pytestmark = LIVE

Right = tuple[str, str, str]
"""API group, resource with its subresource, and verb."""

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
SPECIAL = {
    ("", "users", "impersonate"),
    ("", "groups", "impersonate"),
    ("", "serviceaccounts", "impersonate"),
    ("rbac.authorization.k8s.io", "clusterroles", "bind"),
    ("rbac.authorization.k8s.io", "clusterroles", "escalate"),
    ("rbac.authorization.k8s.io", "roles", "bind"),
    ("rbac.authorization.k8s.io", "roles", "escalate"),
    ("certificates.k8s.io", "signers", "approve"),
    ("certificates.k8s.io", "signers", "sign"),
}
"""Permissions beside the usual verbs, which would give all others."""
EVERYBODY = {
    ("authorization.k8s.io", "selfsubjectaccessreviews", "create"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "create"),
    ("authentication.k8s.io", "selfsubjectreviews", "create"),
}
PLACE = "rights"
"""A namespace in which the chart permits active steps."""


def served(cluster: StepCluster) -> set[Right]:
    """Every verb for every resource and subresource that the API server serves."""
    groups = cluster.ok("GET", "/apis")["groups"]
    roots = ["/api/v1", *(f"/apis/{version['groupVersion']}" for group in groups for version in group["versions"])]
    found = set(SPECIAL)
    for root in roots:
        group = "" if root == "/api/v1" else root.split("/")[2]
        for each in cluster.ok("GET", root)["resources"]:
            found |= {(group, each["name"], verb) for verb in VERBS}
    return found


def allowed(cluster: StepCluster, account: str, wanted: set[Right], namespace: str) -> set[Right]:
    """Those of the permissions that the account has, each by a review of its own."""
    token = cluster.chart.token(account)

    def tried(right: Right) -> bool:
        group, resource, verb = right
        name, _, part = resource.partition("/")
        what = {"verb": verb, "group": group, "resource": name, "subresource": part, "namespace": namespace}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": what},
        }
        status, found = cluster.chart.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body, token)
        assert status == 201, found
        return bool(found["status"]["allowed"])

    ordered = sorted(wanted)
    with ThreadPoolExecutor(6) as pool:
        return {right for right, yes in zip(ordered, pool.map(tried, ordered), strict=True) if yes}


def test_every_account_has_exactly_its_permissions(cluster: StepCluster) -> None:
    everything = served(cluster)
    secrets = {("", "secrets", "list")}
    reading = rights(cluster_role(catalogue())["rules"]) - secrets
    planning = rights(action_rules())
    steps = rights(PROBE) | rights(RESTART)
    expected: dict[str, dict[str, set[Right]]] = {
        "egress-diag": {NAMESPACE: set(), PLACE: set(), "kube-system": set(), "": set()},
        "egress-diag-worker": {
            NAMESPACE: reading,
            PLACE: reading | secrets,
            "kube-system": reading,
            "": reading,
        },
        ACTIONS: {NAMESPACE: planning, PLACE: planning | steps, "kube-system": planning, "": planning},
    }
    found = cluster.ok("GET", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts")["items"]
    assert {each["metadata"]["name"] for each in found} - {"default"} == set(expected)
    tried = permitted = 0
    for account, places in expected.items():
        for place, declared in places.items():
            has = allowed(cluster, account, everything | declared, place)
            assert has - EVERYBODY == declared, (account, place)
            tried, permitted = tried + len(everything | declared), permitted + len(has)
    assert tried > 5000
    print(f"{tried} permissions tried: {permitted} allowed, {tried - permitted} refused")


def test_secrets_are_listed_in_the_named_namespaces_only(cluster: StepCluster) -> None:
    token = cluster.chart.token("egress-diag-worker")
    for namespace, status in ((PLACE, 200), (NAMESPACE, 403), ("kube-system", 403)):
        path = f"/api/v1/namespaces/{namespace}/secrets"
        assert cluster.chart.ask("GET", path, token=token)[0] == status, namespace
        assert cluster.chart.ask("GET", f"{path}/{MISSING}", token=token)[0] == 403, namespace
    assert cluster.chart.ask("GET", "/api/v1/secrets", token=token)[0] == 403
    assert cluster.chart.ask("GET", f"/api/v1/namespaces/{PLACE}/secrets", token=cluster.chart.token(ACTIONS))[0] == 403


def test_the_secrets_of_a_gateway_are_read_with_the_role_of_its_namespace(cluster: StepCluster, tmp_path: Path) -> None:
    made = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "client-certificate"}, "stringData": {"a": "b"}}
    cluster.ok("POST", f"/api/v1/namespaces/{PLACE}/secrets", made)
    kubeconfig = cluster.chart.kubeconfig(tmp_path, "egress-diag-worker")
    entry = ClusterConfig(name="reader", kubeconfig=str(kubeconfig), azure="none")
    found = open_source(entry, PLACE).list_objects(Secret.origin, deadline=10**9)
    assert isinstance(found, Objects), found
    assert [each["metadata"]["name"] for each in found.raw] == ["client-certificate"]
    # Only metadata is requested: the names of keys are those of the managed fields.
    assert found.raw[0]["data"] == {"a": "REDACTED"}
    (gap,) = found.missing
    assert (gap.status, gap.readable_in) == (403, (PLACE,))


METHODS = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}
MISSING = "does-not-exist"


def answered(cluster: StepCluster, token: str, right: Right, namespace: str) -> int:
    """The status of a request that needs this permission.

    The object that it names does not exist, and none is created.
    """
    group, resource, verb = right
    name, _, part = resource.partition("/")
    version = "v1alpha1" if group.startswith("egressgateway") else "v1"
    path = f"/apis/{group}/{version}" if group else "/api/v1"
    path += f"/namespaces/{namespace}/{name}" if namespace else f"/{name}"
    if verb not in ("list", "create"):
        path += f"/{MISSING}" + (f"/{part}" if part else "")
    body = None
    if verb == "create":
        path, body = (
            f"{path}?dryRun=All",
            probe_job("0" * 12, "rights", namespace, "sgc", "curl", ["https://a.example"]),
        )
    elif verb == "patch":
        body = {}
    kind = "application/strategic-merge-patch+json" if verb == "patch" else "application/json"
    return cluster.chart.ask(METHODS[verb], path, body, token, kind)[0]


def test_each_request_of_a_step_is_possible_in_its_namespaces_only(cluster: StepCluster) -> None:
    token = cluster.chart.token(ACTIONS)
    planning = rights(action_rules())
    for right in planning:
        assert answered(cluster, token, right, "") == 200, right
    for right in rights(PROBE) | rights(RESTART):
        wanted = {"list": 200, "create": 201}.get(right[2], 404)
        assert answered(cluster, token, right, PLACE) == wanted, right
        elsewhere = 200 if right in planning else 403
        assert answered(cluster, token, right, "kube-system") == elsewhere, right


def test_doctor_reports_the_permissions_of_the_action_worker(cluster: StepCluster, tmp_path: Path) -> None:
    planning, steps = rights(action_rules()), [*single_rights(PROBE), *single_rights(RESTART)]
    for namespace, missing in (
        (PLACE, 0),
        ("no-roles", len(steps) - len(planning & (rights(PROBE) | rights(RESTART)))),
    ):
        config = write_step_config(cluster.chart, tmp_path, [namespace])
        lines = [
            each
            for each in action_rights(DoctorOptions(str(config), selected=True))
            if each.requirement is ACTION_RIGHT
        ]
        assert len(lines) == len(planning) + len(steps)
        assert Counter(each.state for each in lines)[State.FAILED] == missing
