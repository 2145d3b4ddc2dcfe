"""The notes of the chart name what is missing, and the next step."""

import shutil
from pathlib import Path

import pytest

from tests.helm.chart import CHART, Json, merged, of_kind, rendered
from tests.helm.matrix import EXAMPLES, HERE, MATRIX, RULE, THROUGH_AZURE

pytestmark = pytest.mark.slow  # make check runs only fast tests

READY: Json = {
    "slack": {"existingSecret": "", "botToken": "xoxb-made-up", "appToken": "xapp-made-up"},
    "config": {"clusters": [HERE], "access": [RULE]},
}
"""An installation that needs nothing else."""
HTTP: Json = {"slack": {"mode": "http", "appToken": "", "signingSecret": "made up"}}
ROUTED: Json = {"bot": {"ingress": {"enabled": True, "host": "x.example"}}}


@pytest.fixture(scope="module")
def notes_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart with its notes in an object, because helm renders notes only with a cluster."""
    chart = tmp_path_factory.mktemp("notes") / "egress-diag"
    shutil.copytree(CHART, chart)
    notes = (chart / "templates/NOTES.txt").read_text()
    (chart / "templates/notes.yaml").write_text(
        f'{{{{- define "notes" }}}}{notes}{{{{ end }}}}\nkind: Notes\ntext: {{{{ include "notes" . | quote }}}}\n'
    )
    return chart


def notes(chart: Path, *values: Json) -> str:
    return str(of_kind(rendered(merged(*values), chart=chart, namespace="tools"), "Notes")[0]["text"])


def missing(chart: Path, *values: Json) -> list[str]:
    """The lines of the section that names what is missing."""
    _, _, rest = notes(chart, *values).partition("\nMissing:\n")
    return [line.removeprefix("- ") for line in rest.partition("\n\n")[0].splitlines()]


def test_an_installation_that_needs_nothing_else_shows_the_next_step(notes_chart: Path) -> None:
    text = notes(notes_chart, READY)
    assert "Missing" not in text
    assert "helm test egress-diag -n tools" in text
    assert "/egress-diag list" in text
    assert "User 99999999-8888" in notes(notes_chart, MATRIX["only roles and bindings"])
    assert "https://egress-diag.example.com/slack/events" in notes(notes_chart, MATRIX["HTTP with an Ingress"])
    assert "https://egress-diag.example.com/slack/events" in notes(notes_chart, MATRIX["HTTP with an HTTPRoute"])


def secret(name: str, *keys: str) -> str:
    return f"Secret {name} was not found in namespace tools: create it with {', '.join(keys)}. Pods wait for it."


MISSING: dict[str, tuple[Json, str]] = {
    "clusters": ({"config": {"clusters": []}}, "No cluster is configured: set config.clusters."),
    "access rules": ({"config": {"access": []}}, "No user has any permission: add a rule to config.access."),
    "the Secret with Slack's tokens": (
        {"slack": {"existingSecret": "slack"}},
        secret("slack", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"),
    ),
    "the Secret with Slack's tokens for HTTP": (
        merged({"slack": {"existingSecret": "slack", "mode": "http"}}, ROUTED),
        secret("slack", "SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"),
    ),
    "the token of alerts": (
        {"alerts": {"existingSecret": "alerts"}, "networkPolicy": {"alertsFrom": [{"podSelector": {}}]}},
        secret("alerts", "EGRESS_DIAG_ALERTS_TOKEN"),
    ),
    "Alertmanager in the NetworkPolicy": (
        {"alerts": {"existingSecret": "alerts"}},
        "The NetworkPolicy refuses Alertmanager: set networkPolicy.alertsFrom.",
    ),
    "alerts that are off": (
        {"config": {"alerts": [{"match": {"a": "b"}, "cluster": "here", "gateway": "n/g", "channel": "C0123456789"}]}},
        "config.alerts has rules, but alerts are off: set alerts.existingSecret.",
    ),
    "Prometheus in the NetworkPolicies": (
        {"monitoring": {"serviceMonitor": {"enabled": True}}},
        "The NetworkPolicies refuse Prometheus: set networkPolicy.metricsFrom.",
    ),
    "the password of Redis": ({"redis": {"existingSecret": "own"}}, secret("own", "redis-password")),
    "the certificate authority of Redis": (
        {"redis": {"enabled": False, "external": {"host": "x", "caSecret": "ca"}}},
        secret("ca", "ca.crt"),
    ),
    "the memory of Redis": (
        {"redis": {"maxMemory": "1gb", "resources": {"limits": {"memory": "1200Mi"}}}},
        "redis.maxMemory 1gb needs redis.resources.limits.memory of at least 1536Mi, found 1200Mi.",
    ),
    "the volume of Redis": (
        {"redis": {"persistence": {"existingClaim": "data"}}},
        "PersistentVolumeClaim data was not found in namespace tools. Pods wait for it.",
    ),
    "kubeconfigs": (
        {"worker": {"kubeconfigSecret": "kube"}},
        "Secret kube was not found in namespace tools. Pods wait for it.",
    ),
    "certificate authorities": (
        {"caBundle": {"configMap": "ca", "key": "a.pem"}},
        "ConfigMap ca was not found in namespace tools: create it with a.pem. Pods wait for it.",
    ),
    "an account": (
        {"serviceAccounts": {"worker": {"create": False, "name": "mine"}}},
        "ServiceAccount mine was not found in namespace tools. Pods wait for it.",
    ),
    "credentials of Azure": (
        {"config": {"clusters": [THROUGH_AZURE]}},
        "Cluster prod-weu is read with credentials from Azure: set azure.clientId, or its kubeconfig.",
    ),
    "the identity of an account that the chart does not create": (
        {"azure": {"clientId": "1-2"}, "serviceAccounts": {"worker": {"create": False, "name": "mine"}}},
        "The chart does not create the workers' account: annotate it with azure.workload.identity/client-id=1-2.",
    ),
    "the identity for Redis": (
        {"redis": {"enabled": False, "external": {"host": "x", "auth": "entra"}}},
        "The processes sign in to Redis with Entra, but their accounts have no identity: set redis.external.clientId.",
    ),
    "the role of counters": (
        {"config": {"clusters": [{**HERE, "metrics": "pods"}]}},
        "Cluster here has metrics: pods, but no role permits it: set rbac.readProxyCounters=true.",
    ),
    "the namespaces of a cluster that is read in single ones": (
        {"rbac": {"namespaces": ["payments", "aks-istio-system", "aks-static-egress-gateway"]}},
        "Cluster here is read in single namespaces: set its namespaces in config.clusters to those of the gateways.",
    ),
    "the role of a namespace of the configuration": (
        {"config": {"clusters": [{**HERE, "namespaces": ["payments"]}]}, "rbac": {"namespaces": ["aks-istio-system"]}},
        "The workers may not read namespace payments, which config.clusters names: add it to rbac.namespaces.",
    ),
    "the role in the namespace of the mesh": (
        {"config": {"clusters": [{**HERE, "namespaces": ["payments"]}]}, "rbac": {"namespaces": ["payments"]}},
        "The workers may not read namespace aks-istio-system: add it to rbac.namespaces.",
    ),
    "ports of outbound traffic": (
        {"networkPolicy": {"egressPorts": []}},
        (
            "networkPolicy.egressPorts is empty: the pods connect to DNS and Redis only, unless a policy of your own permits "
            "Slack, Azure and the API servers."
        ),
    ),
    "memory in another unit": (
        {"redis": {"maxMemory": "1gb", "resources": {"limits": {"memory": "1G"}}}},
        "redis.maxMemory 1gb needs redis.resources.limits.memory of at least 1536Mi, found 1G.",
    ),
    "the path of Slack's requests": (
        HTTP,
        (
            "Slack must be able to reach the path /slack/events of service egress-diag-bot: set bot.ingress, bot.httpRoute or "
            "bot.service.type."
        ),
    ),
    "the mode of Slack's requests": (
        ROUTED,
        (
            "Slack does not send requests in Socket Mode: set slack.mode=http, or remove bot.ingress, bot.httpRoute and "
            "bot.service.type."
        ),
    ),
}


@pytest.mark.parametrize(("values", "line"), MISSING.values(), ids=MISSING.keys())
def test_the_notes_name_what_is_missing(notes_chart: Path, values: Json, line: str) -> None:
    assert line in missing(notes_chart, READY, values)
    assert "/egress-diag list" not in notes(notes_chart, READY, values)


def test_a_secret_that_an_object_of_the_release_makes_is_not_missing(notes_chart: Path) -> None:
    """Before, the notes named the Secret of the Secrets Store CSI driver."""
    assert missing(notes_chart, EXAMPLES["key-vault"]) == []
    for made in (
        {
            "kind": "Secret",
            "metadata": {"name": "slack"},
            "stringData": {"SLACK_BOT_TOKEN": "x", "SLACK_APP_TOKEN": "x"},
        },
        {"kind": "ExternalSecret", "metadata": {"name": "any"}, "spec": {"target": {"name": "slack"}}},
        {"kind": "ExternalSecret", "metadata": {"name": "slack"}, "spec": {}},
        {"kind": "SealedSecret", "metadata": {"name": "slack"}, "spec": {}},
        {"kind": "VaultStaticSecret", "metadata": {"name": "any"}, "spec": {"destination": {"name": "slack"}}},
    ):
        assert missing(notes_chart, READY, SLACK, {"extraObjects": [{"apiVersion": "v1", **made}]}) == [], made


SLACK: Json = {"slack": {"existingSecret": "slack", "botToken": "", "appToken": ""}}


def vault(*keys: str) -> Json:
    """A SecretProviderClass that makes the Secret `slack` with these keys."""
    data = [{"objectName": "x", "key": key} for key in keys]
    spec = {"secretObjects": [{"secretName": "slack", "type": "Opaque", "data": data}]}
    return {"apiVersion": "v1", "kind": "SecretProviderClass", "metadata": {"name": "vault"}, "spec": spec}


MOUNTED: Json = {
    "bot": {
        "extraVolumes": [
            {
                "name": "vault",
                "csi": {
                    "driver": "secrets-store.csi.k8s.io",
                    "volumeAttributes": {"secretProviderClass": "vault"},
                },
            }
        ]
    }
}


def test_what_a_vault_does_not_provide_is_missing(notes_chart: Path) -> None:
    half = {"extraObjects": [vault("SLACK_BOT_TOKEN")]}
    expected = "SecretProviderClass vault in extraObjects makes Secret slack without the key SLACK_APP_TOKEN."
    assert missing(notes_chart, READY, SLACK, MOUNTED, half) == [f"{expected} Pods wait for it."]
    whole = {"extraObjects": [vault("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")]}
    assert missing(notes_chart, READY, SLACK, whole) == [
        (
            "SecretProviderClass vault makes Secret slack while a pod mounts it: add a volume of the driver "
            "secrets-store.csi.k8s.io to extraVolumes."
        )
    ]
    assert missing(notes_chart, READY, SLACK, MOUNTED, whole) == []
    (elsewhere,) = missing(notes_chart, READY, SLACK, MOUNTED)
    assert elsewhere.startswith("Secret slack was not found in namespace tools")
    assert elsewhere.endswith(
        "The Secrets Store CSI driver creates it if SecretProviderClass vault has it in secretObjects."
    )


UNUSED: dict[str, tuple[Json, str]] = {
    "a registry for every chart": (
        {"global": {"imageRegistry": "registry.example"}},
        (
            "global is not used: name the registry in image.repository and redis.image, further values in image.pullSecrets "
            "and redis.persistence."
        ),
    ),
    "a claim without persistence": (
        {"redis": {"persistence": {"enabled": False, "existingClaim": "data"}}},
        "redis.persistence.existingClaim is not used, because redis.persistence.enabled is false.",
    ),
    "a Redis of your own": (
        {"redis": {"external": {"host": "cache.example.com"}}},
        "redis.external is not used, because redis.enabled is true: set it to false.",
    ),
    "the password of another Redis": (
        {"redis": {"enabled": False, "existingSecret": "own", "external": {"host": "cache.example.com"}}},
        (
            "redis.existingSecret is not used, because redis.enabled is false: the password of your own Redis is in "
            "redis.external.existingSecret."
        ),
    ),
    "tokens beside a Secret": (
        {"slack": {"existingSecret": "slack"}},
        "The tokens in slack are not used, because slack.existingSecret names a Secret.",
    ),
    "an identity of an action worker that is off": (
        {"actions": {"azureClientId": "1-2"}},
        "actions.azureClientId and actions.kubeconfigSecret are not used, because actions.enabled is false.",
    ),
    "a tenant without an identity": (
        {"azure": {"tenantId": "1-2"}},
        "azure.tenantId is not used without azure.clientId.",
    ),
    "ranges without a load balancer": (
        {"bot": {"service": {"loadBalancerSourceRanges": ["10.0.0.0/8"]}}},
        (
            "bot.service.loadBalancerClass and bot.service.loadBalancerSourceRanges are not used, because bot.service.type is "
            "ClusterIP."
        ),
    ),
    "namespaces without roles": (
        {"rbac": {"create": False, "secretNamespaces": ["payments"]}},
        "The other values of rbac are not used, because rbac.create is false.",
    ),
    "namespaces of Secrets beside every namespace": (
        {"rbac": {"listSecrets": True, "secretNamespaces": ["payments"]}},
        "rbac.secretNamespaces is not used, because rbac.listSecrets permits every namespace.",
    ),
}


@pytest.mark.parametrize(("values", "line"), UNUSED.values(), ids=UNUSED.keys())
def test_the_notes_name_values_without_effect(notes_chart: Path, values: Json, line: str) -> None:
    text = notes(notes_chart, READY, values)
    assert f"\nWithout effect:\n- {line}\n" in text
    assert "Without effect" not in notes(notes_chart, READY)


def test_no_example_has_values_without_effect(notes_chart: Path) -> None:
    for name, values in EXAMPLES.items():
        assert "Without effect" not in notes(notes_chart, values), name


def test_the_notes_say_how_to_grant_permissions_that_the_chart_does_not_create(notes_chart: Path) -> None:
    text = notes(notes_chart, READY, {"rbac": {"create": False}})
    assert "rbac.create is false: bind the permissions yourself, to ServiceAccount egress-diag-worker" in text
    assert "list Secrets" not in text
    assert "rbac.create" not in notes(notes_chart, READY)
    far: Json = {"azure": {"clientId": "1-2"}, "config": {"clusters": [THROUGH_AZURE]}, "rbac": {"create": False}}
    assert "rbac.create" not in notes(notes_chart, READY, far)
    steps = {"rbac": {"create": False, "probe": {"namespaces": ["payments"]}}}
    assert "may create pods" not in notes(notes_chart, MATRIX["with probe and restart"], steps)


def test_the_notes_say_who_else_has_the_permissions_of_the_workers(notes_chart: Path) -> None:
    shared: Json = {"serviceAccounts": {"worker": {"create": False, "name": "default"}}}
    assert "which every pod of namespace tools has that names no other" in notes(notes_chart, READY, shared)
    assert "ServiceAccount default" not in notes(notes_chart, READY)


def test_the_notes_say_who_reaches_a_load_balancer(notes_chart: Path) -> None:
    balancer: Json = {"bot": {"service": {"type": "LoadBalancer"}}}
    ranges: Json = {"bot": {"service": {"loadBalancerSourceRanges": ["10.0.0.0/8"]}}}
    assert "every address that reaches the load balancer" in notes(notes_chart, READY, HTTP, balancer)
    assert "every address" not in notes(notes_chart, READY, HTTP, balancer, ranges)


def test_the_notes_say_who_may_connect_to_the_bot(notes_chart: Path) -> None:
    opened = notes(notes_chart, READY, HTTP, ROUTED)
    assert "networkPolicy.ingressFrom is empty: every pod can connect" in opened
    closed: Json = {"networkPolicy": {"ingressFrom": [{"podSelector": {}}]}}
    assert "ingressFrom" not in notes(notes_chart, READY, HTTP, ROUTED, closed)
    assert "ingressFrom" not in notes(notes_chart, READY)


def test_the_notes_say_what_the_permission_for_secrets_means(notes_chart: Path) -> None:
    assert "The workers may not list Secrets" in notes(notes_chart, READY)
    assert "in every namespace" in notes(notes_chart, READY, {"rbac": {"listSecrets": True}})
    assert "list Secrets" not in notes(notes_chart, READY, {"rbac": {"secretNamespaces": ["payments"]}})
    assert "The workers may not list Secrets" in notes(notes_chart, MATRIX["only roles and bindings"])


def test_the_notes_name_the_only_namespaces(notes_chart: Path) -> None:
    text = notes(notes_chart, READY, MATRIX["with permissions in three namespaces only"])
    assert "The workers may read only payments, aks-istio-system, aks-static-egress-gateway." in text
    assert "may read only" not in notes(notes_chart, READY)


def test_the_notes_explain_active_steps(notes_chart: Path) -> None:
    assert "active steps" not in notes(notes_chart, READY).lower()
    steps = notes(notes_chart, MATRIX["with probe and restart"])
    assert "may create pods in: aks-istio-egress, payments" in steps
    assert "deployment/egress-diag-actions -- egress-diag doctor --only clusters,actions" in steps
    assert "kubectl label --dry-run=server --overwrite namespace aks-istio-egress payments" in steps
    through_azure = MATRIX["active steps with credentials from Azure"]
    assert "no Azure credentials" not in notes(notes_chart, through_azure)
    assert "no Azure credentials" in notes(notes_chart, through_azure, {"actions": {"azureClientId": ""}})
