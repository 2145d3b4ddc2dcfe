"""Commands in the wrong order or with other signs lead to what was meant."""

from __future__ import annotations

import pytest

from bot.grammar.commands import Diagnose, Mistake
from bot.grammar.parser import parse_command
from checks.config.configuration import Config

CONFIG = Config.model_validate(
    {
        "clusters": [{"name": name, "bundle": "/x"} for name in ("prod-weu", "prod-neu", "dev-weu")],
        "access": [{"allow": ["diagnose"], "users": ["*"]}],
    }
)
GATEWAYS = {"prod-weu": ("team-egress/egw", "payments/egress"), "prod-neu": ("team-egress/egw",)}


def parsed(text: str) -> object:
    return parse_command(text, CONFIG, lambda cluster: GATEWAYS.get(cluster, ()))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("check egw on prod-weu", "prod-weu egw"),
        ("diagnose egw in prod-weu", "prod-weu egw"),
        ("prod-weu/egw", "prod-weu egw"),
        ("prod-weu:egw", "prod-weu egw"),
        ("prod-weu,egw", "prod-weu egw"),
        ("prod weu egw", "prod-weu egw"),
        ("prod-weu team-egress egw", "prod-weu team-egress/egw"),
        ("prod-weu team-egress:egw", "prod-weu team-egress/egw"),
        ("prod-weu -n team-egress egw", "prod-weu team-egress/egw"),
        ("prod-weu egw --namespace team-egress", "prod-weu team-egress/egw"),
        ("--cluster prod-weu --gateway egw", "prod-weu egw"),
        ("prod-weu egw -host api.x.example", "prod-weu egw --host api.x.example"),
        ("prod-weu egw host api.x.example", "prod-weu egw --host api.x.example"),
        ("prod-weu egw api.x.example:443", "prod-weu egw --host api.x.example:443"),
        ("prod-weu egw https://api.x.example/path", "prod-weu egw --host https://api.x.example/path"),
        ("watch prod-weu egw for 30m", "watch prod-weu egw 30m"),
        ("watch prod-weu egw 30 min", "watch prod-weu egw 30min"),
        ("history egw on prod-weu", "history prod-weu egw"),
        ("wath prod-weu egw", "watch prod-weu egw"),
        ("egw prod-weu", "prod-weu egw"),
    ],
)
def test_the_first_button_of_a_mistake_is_what_was_meant(typed: str, meant: str) -> None:
    wrong = parsed(typed)
    assert isinstance(wrong, Mistake)
    assert wrong.suggestions[0] == meant
    assert not isinstance(parsed(meant), Mistake)


@pytest.mark.parametrize(
    "typed", ["/egress-diag prod-weu egw", "@egress-diag prod-weu egw", "status prod-weu egw", "PROD-WEU EGW"]
)
def test_needless_words_are_ignored(typed: str) -> None:
    assert isinstance(parsed(typed), Diagnose)


@pytest.mark.parametrize("typed", ["hello", "kubectl get pods", "prod-weu a b c d", "* egw", "staging egw"])
def test_nothing_is_guessed_where_no_command_is_meant(typed: str) -> None:
    wrong = parsed(typed)
    assert isinstance(wrong, Mistake)
    assert not [
        each for each in wrong.suggestions if isinstance(parsed(each), Diagnose) and not each.startswith("prod-weu a")
    ]


def test_a_message_ends_with_one_sign() -> None:
    wrong = parsed("prod-weu egww")
    assert isinstance(wrong, Mistake)
    assert wrong.message.endswith("Did you mean team-egress/egw?")
