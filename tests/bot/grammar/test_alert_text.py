"""The names in the texts of alerts, as Alertmanager, Grafana and people write them."""

from __future__ import annotations

import pytest

from bot.grammar.alert_text import AlertNames, alert_names, is_about
from checks.config.configuration import ClusterConfig, Config
from workers.records.run import Target

CONFIG = Config(
    clusters=(
        ClusterConfig(name="prod-weu", aliases=("weu",), bundle="x", aks_name="aks-prod-weu"),
        ClusterConfig(name="prod-neu", bundle="x"),
        ClusterConfig(name="secret-weu", bundle="x"),
    )
)  # fmt: skip
KNOWN = {"prod-weu": ("payments/egress", "shop/egress", "team-egress/egw"), "prod-neu": ("team-egress/egw",)}


def names(*texts: str) -> AlertNames:
    return alert_names(texts, CONFIG, ("prod-weu", "prod-neu"), lambda cluster: KNOWN[cluster])


@pytest.mark.parametrize(
    ("text", "cluster", "gateway", "host"),
    [
        ("[FIRING:1] EgressGatewayDown (prod-weu team-egress egw critical)", "prod-weu", "team-egress/egw", ""),
        ("*cluster:* `prod-weu`\n*namespace:* `payments`\n*service:* `egress`", "prod-weu", "payments/egress", ""),
        ('labels: {cluster="prod-neu", service="egw"}', "prod-neu", "team-egress/egw", ""),
        ("Egress of team-egress/egw on WEU is down", "prod-weu", "team-egress/egw", ""),
        ("aks-prod-weu: egw has no ready pods", "prod-weu", "team-egress/egw", ""),
        ("cluster=prod-weu gateway=egw host=api.bank.example:443", "prod-weu", "team-egress/egw", "api.bank.example:443"),
        ("cluster: prod-weu, host: <http://api.x.example|api.x.example>, egw", "prod-weu", "team-egress/egw", "api.x.example"),
        ("cluster=prod-weu namespace=new service=unseen", "prod-weu", "new/unseen", ""),
        ("https://grafana.example/d/egw?cluster=prod-weu", "prod-weu", "", ""),
        ("Probe failed: <https://api.x.example>, prod-neu egw", "prod-neu", "team-egress/egw", "api.x.example:443"),
        ("prod-neu egw: GET https://api.x.example:8443/health 503", "prod-neu", "team-egress/egw", "https://api.x.example:8443/health"),
        ("prod-neu egw: instance=https://api.x.example/health is down", "prod-neu", "team-egress/egw", "https://api.x.example/health"),
        ("prod-neu egw is down. Runbook: https://wiki.example", "prod-neu", "team-egress/egw", ""),
        ("prod-neu egw is down <https://prometheus.example/graph?g0|Source>", "prod-neu", "team-egress/egw", ""),
        ("prod-neu egw is down, http://alertmanager.example/#/alerts", "prod-neu", "team-egress/egw", ""),
        ("prod-neu egw: https://a.example and https://b.example fail", "prod-neu", "team-egress/egw", ""),
        ("prod-neu egw: instance=10.0.0.4:9090", "prod-neu", "team-egress/egw", ""),
    ],
)  # fmt: skip
def test_the_names_in_an_alert(text: str, cluster: str, gateway: str, host: str) -> None:
    found = names(text)
    assert (found.cluster, found.gateway, found.host) == (cluster, gateway, host)


@pytest.mark.parametrize("text", ["", "Good morning", "The disk of db-7 is full", "secret-weu egw is down"])
def test_a_text_without_names_names_nothing(text: str) -> None:
    """A cluster that the person may not check is not named."""
    assert not names(text).any


def test_several_candidates_are_a_question() -> None:
    assert names("prod-weu and prod-neu: egw").clusters == ("prod-weu", "prod-neu")
    assert names("prod-weu: egress is slow").gateways == ("payments/egress", "shop/egress")
    assert names("prod-weu is slow").gateway == ""


def test_the_words_of_the_mention_take_precedence_over_the_message_above() -> None:
    found = names("egw", "EgressGatewayDown cluster=prod-weu namespace=payments service=egress host=api.x.example")
    assert (found.cluster, found.gateway, found.host) == ("prod-weu", "team-egress/egw", "api.x.example")


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("EgressGatewayDown cluster: prod-weu, service: egw", True),
        ("EgressGatewayDown (aks-prod-weu egw critical)", True),
        ("EgressGatewayDown cluster=prod-neu service=egw", False),
        ("EgressGatewayDown on prod-neu: egw", False),
        ("EgressGatewayDown cluster: prod-neu egw\ncluster: prod-weu egw", True),
        ("EgressGatewayDown cluster: prod-weu, namespace: payments, service: egw", False),
        ("EgressGatewayDown cluster: prod-weu, namespace: team-egress, service: egw", True),
        ("EgressGatewayDown cluster: prod-weu, service: egw-canary", False),
        ("EgressGatewayDown cluster: weu-prometheus-7, service: egw", True),
        ("EgressGatewayDown cluster: weu-prometheus-8, service: egw", False),
        ("EgressGatewayDown: egw", False),
    ],
)
def test_a_message_is_about_the_gateway_of_its_own_cluster_only(text: str, own: bool) -> None:
    """An alert has the same name and the same gateway on every cluster."""
    labels = ("EgressGatewayDown", "weu-prometheus-7", "egw")
    assert is_about(text, CONFIG, Target("prod-weu", "egw", "team-egress"), labels) is own


def test_with_one_cluster_a_message_needs_no_cluster() -> None:
    only = Config(clusters=CONFIG.clusters[:1])
    assert is_about("EgressGatewayDown: egw", only, Target("prod-weu", "egw"), ("egw",))
