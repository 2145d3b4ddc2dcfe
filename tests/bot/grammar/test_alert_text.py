"""The names in the texts of alerts, as Alertmanager, Grafana and people write them."""

from __future__ import annotations

import pytest

from bot.grammar.alert_text import AlertNames, alert_names
from checks.config.configuration import ClusterConfig, Config

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
