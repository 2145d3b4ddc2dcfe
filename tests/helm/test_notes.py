"""The notes of the chart name what is missing, and the next step."""

import shutil
from pathlib import Path

import pytest

from tests.helm.chart import CHART, Json, merged, of_kind, rendered
from tests.helm.matrix import HERE, MATRIX, RULE, THROUGH_AZURE

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
        {"config": {"alerts": [{"match": {"a": "b"}, "cluster": "c", "gateway": "n/g", "channel": "C0123456789"}]}},
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
