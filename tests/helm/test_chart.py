"""The chart, rendered by helm itself: each installation of the matrix satisfies the rules."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from checks.actions.planning import ACTION_READS
from checks.catalogue import catalogue
from checks.config.alert_configuration import AlertConfig
from checks.config.configuration import AccessRule, ClusterConfig, Config, DigestConfig, Retention, SavedAzure
from checks.config.configuration_file import parse
from checks.config.probe_configuration import ProbeConfig
from checks.docs.permission_tables import PARTS
from checks.engine.permissions import cluster_role, namespaced_role
from checks.facts.fact import Listed
from tests.helm.chart import CHART, KUBERNETES, LEAST, Json, helm, merged, named, of_kind, pod, pods, rendered
from tests.helm.manifests import kubeconform, model
from tests.helm.matrix import HERE, MATRIX, RESTRICTED
from tests.helm.values_schema import COMPONENTS, POD_KEYS, SCHEMA, described

pytestmark = pytest.mark.slow  # make check runs only fast tests

matrix = pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("schemas")


# valid


def test_helm_lint_finds_nothing() -> None:
    done = helm("lint", str(CHART), "--strict", "--kube-version", KUBERNETES, values=LEAST)
    assert (done.returncode, "[WARNING]" in done.stdout, "[ERROR]" in done.stdout) == (0, False, False), done.stdout


@matrix
def test_each_installation_is_valid(values: Json, schemas: Path) -> None:
    objects = rendered(values)
    assert objects
    for each in objects:
        if (kind := model(each)) is not None:
            kind.model_validate(each)
    assert kubeconform(objects, schemas) == []


def test_validation_detects_an_unknown_field(schemas: Path) -> None:
    wrong = named(rendered({}), "Deployment", "egress-diag-worker")
    wrong["spec"]["template"]["spec"]["containers"][0]["envv"] = []
    assert "envv" in " ".join(kubeconform([wrong], schemas))


@matrix
def test_names_are_unique_per_kind(values: Json) -> None:
    seen = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in rendered(values)]
    assert len(seen) == len(set(seen))
    assert all(len(name) <= 63 for _, _, name in seen)


# permissions


def test_the_read_only_roles_are_exactly_what_the_checks_declare() -> None:
    roles = of_kind(rendered(MATRIX["with permission to list Secrets everywhere"]), "ClusterRole")
    granted = [rule for role in roles for rule in role["rules"]]
    assert rights(granted) == rights(cluster_role(catalogue())["rules"])
    assert {verb for rule in granted for verb in rule["verbs"]} <= {"get", "list"}


def rights(rules: Any) -> set[tuple[str, str, str]]:
    return {(g, r, v) for rule in rules for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]}


@pytest.mark.parametrize("part", ["read", "read-namespace", "secrets", "proxy-counters", "actions", "probe", "restart"])
def test_the_generated_rules_are_up_to_date(part: str) -> None:
    written = (CHART / "files" / f"{part}.yaml").read_text()
    assert written == PARTS[part](catalogue()) + "\n", "run make docs"


def secret_roles(values: Json) -> list[Json]:
    """The roles that permit something with Secrets."""
    objects = rendered(values)
    roles = [*of_kind(objects, "ClusterRole"), *of_kind(objects, "Role")]
    return [role for role in roles if any("secrets" in rule["resources"] for rule in role["rules"])]


@matrix
def test_no_role_lists_secrets_unless_the_values_say_so(values: Json) -> None:
    """Before, the default permitted it in every namespace."""
    permitted = values.get("rbac", {})
    expected = {("ClusterRole", None)} if permitted.get("listSecrets") else set()
    expected |= {("Role", namespace) for namespace in permitted.get("secretNamespaces", ())}
    found = secret_roles(values)
    assert {(role["kind"], role["metadata"].get("namespace")) for role in found} == expected
    assert all(role["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}] for role in found)


def test_secrets_of_the_named_namespaces_are_listed_by_the_readers_only() -> None:
    values = MATRIX["with permission to list Secrets in two namespaces"]
    bindings = of_kind(rendered(values), "RoleBinding")
    assert [each["metadata"]["namespace"] for each in bindings] == ["payments", "aks-istio-egress"]
    assert {s["name"] for each in bindings for s in each["subjects"]} == {"egress-diag-worker"}


def test_installations_whose_names_join_to_the_same_words_have_roles_of_their_own() -> None:
    """Helm refuses the second one, or it takes over the bindings of the first one."""
    values = MATRIX["with probe and restart"]
    found = [
        {(each["kind"], each["metadata"]["name"]) for each in rendered(merged(values, named_so), namespace=namespace)}
        for namespace, named_so in (
            ("tools", {"fullnameOverride": "egress-diag"}),
            ("tools-egress", {"fullnameOverride": "diag"}),
        )
    ]
    kinds = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
    assert not {each for each in found[0] & found[1] if each[0] in kinds}


def test_permissions_in_single_namespaces_replace_those_in_the_whole_cluster() -> None:
    objects = rendered(MATRIX["with permissions in three namespaces only"])
    assert not of_kind(objects, "ClusterRole")
    assert not of_kind(objects, "ClusterRoleBinding")
    roles = of_kind(objects, "Role")
    assert [each["metadata"]["namespace"] for each in roles] == [
        "payments",
        "aks-istio-system",
        "aks-static-egress-gateway",
    ]
    declared = rights(namespaced_role(catalogue())["rules"]) - {("", "secrets", "list")}
    assert all(rights(each["rules"]) == declared for each in roles)
    assert {s["name"] for each in of_kind(objects, "RoleBinding") for s in each["subjects"]} == {"egress-diag-worker"}


def test_permissions_that_change_the_cluster_exist_only_in_the_named_namespaces() -> None:
    assert not of_kind(rendered({"config": {"clusters": [HERE]}}), "Role")
    objects = rendered(MATRIX["with probe and restart"])
    places = sorted((o["metadata"]["namespace"], o["metadata"]["name"]) for o in of_kind(objects, "RoleBinding"))
    assert places == [
        ("aks-istio-egress", "egress-diag-egress-diag-feb3aec0-probe"),
        ("payments", "egress-diag-egress-diag-feb3aec0-probe"),
        ("payments", "egress-diag-egress-diag-feb3aec0-restart"),
    ]
    for binding in of_kind(objects, "RoleBinding"):
        assert [s["name"] for s in binding["subjects"]] == ["egress-diag-actions"]


@matrix
def test_nothing_but_the_action_workers_account_may_change_a_cluster(values: Json) -> None:
    """Before, the Roles of probes and restarts were bound to the account of all workers."""
    objects = rendered(values)
    acting = {"egress-diag-actions", *(each["name"] for each in values.get("rbac", {}).get("actionSubjects", []))}
    rules = {(o["kind"], o["metadata"]["name"]): o["rules"] for o in objects if o["kind"] in ("Role", "ClusterRole")}
    for binding in [*of_kind(objects, "RoleBinding"), *of_kind(objects, "ClusterRoleBinding")]:
        granted = rules[(binding["roleRef"]["kind"], binding["roleRef"]["name"])]
        if {verb for _, _, verb in rights(granted)} - {"get", "list"}:
            assert binding["kind"] == "RoleBinding"
            assert {s["name"] for s in binding["subjects"]} <= acting, binding["metadata"]["name"]


def test_the_action_worker_reads_what_planning_reads_and_no_secrets() -> None:
    objects = rendered(MATRIX["with probe and restart"])
    mine = [
        o
        for o in of_kind(objects, "ClusterRoleBinding")
        if any(s["name"] == "egress-diag-actions" for s in o["subjects"])
    ]
    (binding,) = mine
    role = named(objects, "ClusterRole", binding["roleRef"]["name"])
    lists = {
        (kind.origin.group, kind.origin.plural, "list") for kind in ACTION_READS if isinstance(kind.origin, Listed)
    }
    assert rights(role["rules"]) == lists


def test_only_the_action_worker_takes_active_steps_and_it_takes_nothing_else() -> None:
    objects = rendered(MATRIX["with probe and restart"])
    queues = {
        component: args[args.index("--queues") + 1]
        for component, each in pods(objects)
        if (args := each["spec"]["containers"][0].get("args", []))[:1] == ["worker"]
    }
    assert queues == {"worker": "diagnose,sweep", "actions": "actions"}
    assert pod(objects, "actions")["spec"]["serviceAccountName"] == "egress-diag-actions"
    assert pod(objects, "actions")["spec"]["automountServiceAccountToken"] is True


def test_the_action_worker_is_off_by_default() -> None:
    for values in (v for v in MATRIX.values() if "actions" not in v and "actionSubjects" not in v.get("rbac", {})):
        assert not [o for o in rendered(values) if o["metadata"]["name"].endswith("-actions")]


def test_the_action_worker_has_an_azure_identity_of_its_own() -> None:
    objects = rendered(MATRIX["active steps with credentials from Azure"])
    annotations = named(objects, "ServiceAccount", "egress-diag-actions")["metadata"]["annotations"]
    assert annotations["azure.workload.identity/client-id"].startswith("22222222")
    assert annotations["azure.workload.identity/tenant-id"].startswith("66666666")
    spec = pod(objects, "actions")["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert {"name": "kubeconfig", "secret": {"secretName": "action-kubeconfigs"}} in spec["volumes"]
    assert "kubeconfig" not in json.dumps(pod(objects, "worker")["spec"]["volumes"])
    without = rendered(merged(MATRIX["active steps with credentials from Azure"], {"actions": {"azureClientId": ""}}))
    assert "azure.workload.identity/use" not in pod(without, "actions")["metadata"]["labels"]
    assert pod(without, "worker")["metadata"]["labels"]["azure.workload.identity/use"] == "true"


def test_active_steps_in_another_cluster_are_granted_only_to_the_action_subjects() -> None:
    objects = rendered(MATRIX["only roles and bindings, with active steps"])
    assert {o["kind"] for o in objects} == {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
    places = {(o["metadata"]["namespace"], o["roleRef"]["name"]) for o in of_kind(objects, "RoleBinding")}
    assert places == {
        ("payments", "egress-diag-egress-diag-feb3aec0-probe"),
        ("payments", "egress-diag-egress-diag-feb3aec0-restart"),
        ("aks-istio-egress", "egress-diag-egress-diag-feb3aec0-restart"),
    }
    assert {s["name"] for o in of_kind(objects, "RoleBinding") for s in o["subjects"]} == {
        "22222222-3333-4444-5555-666666666666"
    }


def test_roles_of_two_releases_in_one_namespace_do_not_collide() -> None:
    for kind in ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"):
        names = [
            {o["metadata"]["name"] for o in of_kind(rendered(MATRIX["with probe and restart"], namespace=each), kind)}
            for each in ("one", "two")
        ]
        assert names[0]
        assert not names[0] & names[1]


@matrix
def test_only_the_workers_account_and_the_configured_subjects_are_bound(values: Json) -> None:
    objects = rendered(values)
    extra = {each["name"] for each in values.get("rbac", {}).get("subjects", [])}
    extra |= {each["name"] for each in values.get("rbac", {}).get("actionSubjects", [])}
    accounts = values.get("serviceAccounts", {}).get("worker", {})
    worker = accounts.get("name") or "egress-diag-worker"
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        for binding in of_kind(objects, kind):
            assert {s["name"] for s in binding["subjects"]} <= {worker, "egress-diag-actions", *extra}


def test_a_cluster_with_credentials_from_azure_needs_no_binding_here() -> None:
    objects = rendered(MATRIX["a fleet with credentials from Azure"])
    assert not of_kind(objects, "ClusterRoleBinding")
    assert pod(objects, "worker")["spec"]["automountServiceAccountToken"] is False


def test_rbac_only_renders_only_roles_and_bindings() -> None:
    assert {o["kind"] for o in rendered(MATRIX["only roles and bindings"])} == {"ClusterRole", "ClusterRoleBinding"}


# accounts and secrets


@matrix
def test_only_workers_have_cluster_credentials_and_only_the_bot_has_slack_tokens(values: Json) -> None:
    for component, each in pods(rendered(values)):
        spec = each["spec"]
        slack = {e["name"] for c in spec["containers"] for e in c.get("env", []) if e["name"].startswith("SLACK_")}
        assert bool(slack) == (component in ("bot", "courier"))
        cluster = spec["automountServiceAccountToken"] or any(v["name"] == "kubeconfig" for v in spec["volumes"])
        identity = each["metadata"]["labels"].get("azure.workload.identity/use")
        others = {p["spec"]["serviceAccountName"] for c, p in pods(rendered(values)) if c != component}
        if component in ("worker", "actions"):
            assert spec["serviceAccountName"] not in others
        else:
            assert not cluster
            by_values = values.get(component, {}).get("podLabels", {}).get("azure.workload.identity/use")
            for_redis = "true" if entra(values) and component != "redis" else None
            assert identity == (by_values or for_redis)


def entra(values: Json) -> bool:
    """Whether the processes sign in to Redis with an identity."""
    return bool(values.get("redis", {}).get("external", {}).get("auth") == "entra")


def test_an_entra_identity_for_redis_is_that_of_the_bot_and_of_workers_without_one() -> None:
    values = MATRIX["an external Redis with an Entra identity"]
    accounts = {
        o["metadata"]["name"]: o["metadata"].get("annotations", {}) for o in of_kind(rendered(values), "ServiceAccount")
    }
    key = "azure.workload.identity/client-id"
    assert {name: found[key][:8] for name, found in accounts.items()} == {
        "egress-diag": "33333333",
        "egress-diag-worker": "11111111",
    }
    without = rendered(merged(values, {"azure": {"clientId": ""}}))
    found = named(without, "ServiceAccount", "egress-diag-worker")["metadata"]["annotations"]
    assert found[key].startswith("33333333")
    for component, each in pods(rendered(values)):
        environment = {e["name"]: e.get("value") for e in each["spec"]["containers"][0]["env"]}
        assert environment["REDIS_AUTH"] == "entra", component
        assert "REDIS_PASSWORD" not in environment
        assert environment["REDIS_URL"] == "rediss://x.westeurope.redis.azure.net:10000/0"
    beat = named(rendered(values), "NetworkPolicy", "egress-diag-beat")["spec"]["egress"]
    assert {"port": 443} in [port for rule in beat for port in rule["ports"]]
    plain = named(rendered({}), "NetworkPolicy", "egress-diag-beat")["spec"]["egress"]
    assert {"port": 443} not in [port for rule in plain for port in rule["ports"]]


def test_only_the_listener_has_the_token_of_alerts_and_only_alertmanager_reaches_its_port() -> None:
    objects = rendered(MATRIX["alerts in Socket Mode"])
    for component, each in pods(objects):
        names = [e["name"] for c in each["spec"]["containers"] for e in c.get("env", [])]
        assert ("EGRESS_DIAG_ALERTS_TOKEN" in names) == (component == "bot"), component
    first, _ = named(objects, "NetworkPolicy", "egress-diag-bot")["spec"]["ingress"]
    assert first["ports"] == [{"port": "http"}]
    assert first["from"] == MATRIX["alerts in Socket Mode"]["networkPolicy"]["alertsFrom"]
    unused = rendered(merged(MATRIX["alerts in Socket Mode"], {"alerts": {"existingSecret": ""}}))
    assert len(named(unused, "NetworkPolicy", "egress-diag-bot")["spec"]["ingress"]) == 1


def test_the_workers_use_the_managed_identity() -> None:
    objects = rendered(MATRIX["a fleet with credentials from Azure"])
    account = named(objects, "ServiceAccount", "egress-diag-worker")
    assert account["metadata"]["annotations"]["azure.workload.identity/client-id"].startswith("11111111")
    assert pod(objects, "worker")["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert "annotations" not in named(objects, "ServiceAccount", "egress-diag")["metadata"]


SECRETS: Json = {
    "slack": {
        "existingSecret": "",
        "mode": "http",
        "botToken": "xoxb-secret-token",
        "signingSecret": "secret-token-too",
    },
}


def test_tokens_are_only_in_secrets_and_reach_pods_only_by_reference() -> None:
    for each in rendered(SECRETS):
        if each["kind"] != "Secret":
            assert "secret-token" not in json.dumps(each)
        for container in each.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            for variable in container.get("env", []):
                if re.search("TOKEN|SECRET|PASSWORD", variable["name"]):
                    assert "secretKeyRef" in variable["valueFrom"]


@matrix
def test_the_redis_password_is_only_in_its_secret(values: Json) -> None:
    objects = rendered(values)
    made = [o for o in of_kind(objects, "Secret") if "redis-password" in o.get("data", {})]
    for secret in made:
        others = json.dumps([o for o in objects if o["kind"] != "Secret"])
        assert secret["data"]["redis-password"] not in others
    assert len(made) == (1 if not values.get("rbacOnly") and inside(values) else 0)


def inside(values: Json) -> bool:
    redis = values.get("redis", {})
    return redis.get("enabled", True) and not redis.get("existingSecret")


# pods


@matrix
def test_every_pod_satisfies_the_restricted_profile_with_a_read_only_root(values: Json) -> None:
    for component, each in pods(rendered(values)):
        spec = each["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, component
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        permitted = {"configMap", "secret", "emptyDir", "csi", "persistentVolumeClaim"}
        assert all(permitted & set(volume) for volume in spec["volumes"])
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            assert RESTRICTED.items() <= container["securityContext"].items()
            if container["name"] in ("wait", "agent"):
                continue  # containers of the values
            assert {"requests", "limits"} <= set(container["resources"])
            assert "memory" in container["resources"]["limits"]
            assert "cpu" not in container["resources"]["limits"]


@matrix
def test_no_pod_joins_the_mesh(values: Json) -> None:
    for _, each in pods(rendered(values)):
        assert each["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
        assert "kubernetes.azure.com/static-gateway-configuration" not in each["metadata"].get("annotations", {})


@matrix
def test_selectors_of_services_budgets_and_policies_match_their_pods(values: Json) -> None:
    objects = rendered(values)
    labels = {component: each["metadata"]["labels"] for component, each in pods(objects)}
    for each in objects:
        match each["kind"]:
            case "Service":
                wanted = each["spec"]["selector"]
            case "NetworkPolicy":
                wanted = each["spec"]["podSelector"]["matchLabels"]
            case "PodDisruptionBudget" | "Deployment" | "StatefulSet" | "ServiceMonitor":
                wanted = each["spec"]["selector"]["matchLabels"]
            case _:
                continue
        assert any(wanted.items() <= found.items() for found in labels.values()), each["metadata"]["name"]


@matrix
def test_a_disruption_budget_never_blocks_a_drain(values: Json) -> None:
    objects = rendered(values)
    for budget in of_kind(objects, "PodDisruptionBudget"):
        assert budget["spec"]["maxUnavailable"] == 1
        target = named(objects, "Deployment", budget["metadata"]["name"])
        assert target["spec"].get("replicas", 2) > 1


@pytest.mark.parametrize("name", ["scaled by CPU", "scaled by the queue"])
def test_an_autoscaler_alone_sets_the_number_of_workers(name: str) -> None:
    assert "replicas" not in named(rendered(MATRIX[name]), "Deployment", "egress-diag-worker")["spec"]


def test_a_new_configuration_restarts_all_pods_and_new_slack_tokens_only_the_bots() -> None:
    def sums(values: Json) -> dict[str, Json]:
        values = merged({"redis": {"existingSecret": "kept"}}, values)
        return {c: each["metadata"]["annotations"] for c, each in pods(rendered(values)) if c not in ("test", "redis")}

    before, after = sums({}), sums({"config": {"ask": "#team"}})
    assert all(before[c]["checksum/config"] != after[c]["checksum/config"] for c in before)
    credentials = {"slack": {"existingSecret": "", "botToken": "xoxb-1", "appToken": "xapp-1"}}
    first, second = sums(credentials), sums(merged(credentials, {"slack": {"botToken": "xoxb-2"}}))
    assert {c for c in first if first[c] != second[c]} == {"bot", "courier"}


def test_all_objects_of_a_release_have_the_same_redis_password() -> None:
    objects = rendered({"worker": {"autoscaling": {"mode": "queue"}}})
    sums = {each["metadata"]["annotations"]["checksum/redis"] for c, each in pods(objects) if c != "test"}
    assert len(sums) == 1


def test_a_new_version_does_not_restart_redis() -> None:
    assert "helm.sh/chart" not in pod(rendered({}), "redis")["metadata"]["labels"]


# configuration and values


@matrix
def test_the_processes_accept_the_rendered_configuration(values: Json) -> None:
    for each in of_kind(rendered(values), "ConfigMap"):
        if "config.yaml" in each["data"]:
            config = parse(each["data"]["config.yaml"], Path("/etc/egress-diag/config.yaml"))
            assert [c.name for c in config.clusters] == [
                c["name"] for c in values.get("config", {}).get("clusters", [])
            ]


def test_the_schema_has_the_keys_of_the_configuration_file() -> None:
    config = SCHEMA["properties"]["config"]
    places: list[tuple[Json, type[BaseModel]]] = [
        (config, Config),
        (config["properties"]["clusters"]["items"], ClusterConfig),
        (config["properties"]["clusters"]["items"]["properties"]["azure"]["oneOf"][1], SavedAzure),
        (config["properties"]["access"]["items"], AccessRule),
        (config["properties"]["digests"]["items"], DigestConfig),
        (config["properties"]["alerts"]["items"], AlertConfig),
        (config["properties"]["retention"], Retention),
        (config["properties"]["probe"], ProbeConfig),
    ]
    for place, known in places:
        assert set(place["properties"]) == set(known.model_fields), known.__name__


def test_the_schema_is_strict_and_describes_every_value() -> None:
    def walk(path: str, place: Json) -> None:
        place = described(place)
        assert place.get("description") or path == "" or ".dnsConfig." in path, path
        if place.get("type") == "object" and "properties" in place:
            assert place["additionalProperties"] is False, path
            for key, value in place["properties"].items():
                walk(f"{path}.{key}", value)

    walk("", SCHEMA)


def test_the_schema_and_the_values_have_the_same_keys() -> None:
    def keys(path: str, schema: Json, values: Any) -> set[str]:
        found: set[str] = set()
        for key, place in schema.get("properties", {}).items():
            if not isinstance(values, dict) or key not in values:
                found.add(f"{path}{key}")
            else:
                found |= keys(f"{path}{key}.", described(place), values[key])
        return found

    missing = keys("", SCHEMA, yaml.safe_load((CHART / "values.yaml").read_text()))
    shared = {f"{component}.{key}" for component in COMPONENTS for key in POD_KEYS}
    assert shared <= missing, "a component repeats a default of `pod`"
    # Values of a parent chart, and values with a default in egress-diag or in Kubernetes.
    assert {key for key in missing - shared if not key.endswith(("limits.cpu", ".ephemeral-storage"))} == {
        "global",
        "config.sweep_every",
        "config.retention.runs",
        "config.retention.evidence",
        "config.probe",
        "pod.dnsConfig.nameservers",
        "pod.dnsConfig.searches",
        "pod.dnsConfig.options",
    }


def test_every_component_has_every_key_of_pod() -> None:
    for component in COMPONENTS:
        assert set(SCHEMA["properties"][component]["properties"]) >= POD_KEYS, component
