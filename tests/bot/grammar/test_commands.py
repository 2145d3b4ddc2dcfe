"""Typed commands: tolerant of phone keyboards, no suggestions across environments."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.grammar.commands import (
    CancelRuns,
    CheckAgain,
    Command,
    Diagnose,
    ExplainFindings,
    ListClusters,
    ListCommands,
    ListGateways,
    Mistake,
    OpenForm,
    RequestStep,
    RequestStepHere,
    ShowHelp,
    ShowHistory,
    StopHere,
    WatchGateway,
    WatchHere,
)
from bot.grammar.parser import parse_command
from bot.grammar.thread_parser import parse_thread_command
from bot.grammar.words import without_mention
from bot.messages import answers
from bot.sandbox.model.block_rules import problems_of_message
from checks.actions.plan import ActionKind
from checks.config.configuration import ClusterConfig, Config
from workers.records.run import Target

CONFIG = Config(
    clusters=tuple(
        ClusterConfig(name=name, aliases=aliases, bundle="/x")
        for name, aliases in (
            ("prod-weu", ("weu",)),
            ("prod-neu", ()),
            ("stage-weu", ()),
            ("payments-eu", ("pay",)),
        )
    )
)
KNOWN = {"prod-weu": ("payments/egress-payments", "shop/egress-shop", "shop/edge"), "prod-neu": ("a/egw", "b/egw")}


def read(text: str) -> Command:
    return parse_command(text, CONFIG, lambda cluster: KNOWN.get(cluster, ()))


FROM_CHECKOUT = Target("prod-weu", "egress-payments", "payments", None, "checkout/web")
PAYMENTS = Target("prod-weu", "egress-payments", "payments")
WITH_HOST = Target("prod-weu", "egress-payments", "payments", "api.bank.example:443")


@pytest.mark.parametrize(
    "text",
    [
        "prod-weu payments/egress-payments",
        "  prod-weu   payments/egress-payments  ",
        "PROD-WEU Payments/Egress-Payments",
        "weu egress-payments",
        "“prod-weu” ‘egress-payments’",  # noqa: RUF001 - typographic quotes of phone keyboards
        "`prod-weu` `egress-payments`",
        "prod-w egress-p",
    ],
)
def test_spellings_of_a_gateway(text: str) -> None:
    assert read(text) == Diagnose(PAYMENTS)


@pytest.mark.parametrize(
    "text",
    [
        "weu egress-payments --host api.bank.example:443",
        "weu egress-payments —host api.bank.example:443",
        "weu egress-payments – host api.bank.example:443",
        "weu egress-payments host=api.bank.example:443",
        "weu egress-payments host: api.bank.example:443",
        "weu egress-payments --host=api.bank.example:443",
        "weu egress-payments --host <http://api.bank.example:443|api.bank.example:443>",
        "weu egress-payments --host <https://api.bank.example:443>",
        "weu egress-payments --HOST API.Bank.Example.:443",
        "--host api.bank.example:443 weu egress-payments",
        "weu --host “api.bank.example:443” egress-payments",
    ],
)
def test_spellings_of_a_host(text: str) -> None:
    assert read(text) == Diagnose(WITH_HOST)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", OpenForm()),
        ("   ", OpenForm()),
        ("help", ShowHelp()),
        ("?", ShowHelp()),
        ("list", ListClusters()),
        ("list weu", ListGateways("prod-weu")),
        ("cancel", CancelRuns()),
        ("watch weu egress-payments", WatchGateway(PAYMENTS, timedelta(minutes=30))),
        ("watch weu egress-payments 45m", WatchGateway(PAYMENTS, timedelta(minutes=45))),
        ("watch weu egress-payments 2h", WatchGateway(PAYMENTS, timedelta(hours=2))),
        ("watch weu egress-payments --host api.bank.example:443 1h", WatchGateway(WITH_HOST, timedelta(hours=1))),
        ("history weu egress-payments", ShowHistory(PAYMENTS)),
        (
            "weu egress-payments --from checkout/web",
            Diagnose(FROM_CHECKOUT),
        ),
        ("probe weu egress-payments", RequestStep(PAYMENTS, ActionKind.PROBE_POD)),
        ("Probe weu egress-payments —from Gateway", RequestStep(PAYMENTS, ActionKind.PROBE_GATEWAY)),
        ("restart weu egress-payments", RequestStep(PAYMENTS, ActionKind.RESTART)),
        ("restart weu egress-payments --deployment egw-2", RequestStep(PAYMENTS, ActionKind.RESTART, "egw-2")),
        ("stage-weu not-seen-yet", Diagnose(Target("stage-weu", "not-seen-yet"))),
        ("diagnose weu payments/egress-payments", Diagnose(PAYMENTS)),
        ("check WEU Payments/Egress-Payments", Diagnose(PAYMENTS)),
    ],
)
def test_the_commands(text: str, command: Command) -> None:
    assert read(text) == command


@pytest.mark.parametrize(
    ("text", "message", "suggestion"),
    [
        ("prod-wue egress-payments", 'No cluster "prod-wue". Did you mean prod-weu', "prod-weu egress-payments"),
        ("prod egress-payments", "matches several clusters: prod-weu, prod-neu", "prod-neu egress-payments"),
        ("weu egress-paymnets", 'No known gateway "egress-paymnets"', "prod-weu payments/egress-payments"),
        ("weu e", "matches 3 gateways", "prod-weu shop/edge"),
        ("prod-neu egw", "matches 2 gateways", "prod-neu b/egw"),
        ("weu", "Which gateway?", "prod-weu shop/edge"),
        ("weu a b c", "Too many words", "prod-weu a"),
        ("weu egress-payments --hots x", "Did you mean `--host`", "weu egress-payments --host x"),
        ("weu egress-payments --host", "needs a value", None),
        ("weu egress-payments --host https://", "", None),
        ("weu egress-payments --host a:99999", "", None),
        ("weu a/b/c", "expected NAME or NAMESPACE/NAME", None),
        ("weu egress-payments --probe", "a command of its own", None),
        ("probe weu egress-payments --from node", "must be `pod` or `gateway`", "probe weu egress-payments"),
        ("probe weu egress-payments --from", "needs a value", None),
        ("probe weu", "`/egress-diag probe <cluster>", "probe prod-weu payments/egress-payments"),
        ("restart prod-wue egw", "Did you mean prod-weu", "restart prod-weu egw"),
        ("probe --from gateway prod-wue egw", "Did you mean prod-weu", "probe prod-weu egw --from gateway"),
        ("restart weu egress-payments --host a.example", "no option `--host`", "restart weu egress-payments"),
        ("egress-payments prod-weu", "The cluster comes first.", "prod-weu egress-payments"),
        (
            "egress-payments weu --host a.example",
            "The cluster comes first.",
            "prod-weu egress-payments --host a.example",
        ),
        ("egress-payments prod", "The cluster comes first.", "prod-neu egress-payments"),
        ("shop edge", '"shop edge" is a gateway', "prod-weu shop/edge"),
        ("payments/egress-payments", "On which cluster?", "prod-weu payments/egress-payments"),
        ("egress-payments", "On which cluster?", "prod-weu payments/egress-payments"),
        ("diagnose", "Which gateway?", None),
        ("diagnose prod-wue egw", "Did you mean prod-weu", "prod-weu egw"),
        ("why", "`why` is a question about a check. Ask it in the thread of the check: `@egress-diag why`.", None),
        ("what next?", "Ask it in the thread of the check", None),
        ("hlep", "No cluster or command", "help"),
        ("histroy weu egress-payments", "No cluster or command", "history weu egress-payments"),
        ("watch weu egress-payments 0m", "between 1 minute and 12 hours", None),
        ("watch weu egress-payments 99h", "between 1 minute and 12 hours", None),
        ("watch prod-wue egress-payments 5m", "Did you mean prod-weu", "watch prod-weu egress-payments 5m"),
        ("history weu egress-payments --hots x", "Did you mean `--host`", "history weu egress-payments --host x"),
        ("mute prod-wue egw EG407 7d noisy node", "Did you mean prod-weu", "mute prod-weu egw EG407 7d noisy node"),
        ("unmute prod-wue egw EG407", "Did you mean prod-weu", "unmute prod-weu egw EG407"),
        (
            "mute egress-payments weu EG407 7d noisy",
            "The cluster comes first.",
            "mute prod-weu egress-payments EG407 7d noisy",
        ),
        ("list nowhere", 'No cluster "nowhere"', None),
        ("list weu neu", "accepts at most one cluster", "list weu"),
        ("x" * 2000, "2000 characters", None),
    ],
)
def test_a_mistake_is_answered_with_the_correct_form(text: str, message: str, suggestion: str | None) -> None:
    found = read(text)
    assert isinstance(found, Mistake), found
    assert message in found.message
    if suggestion is not None:
        assert suggestion in found.suggestions


def test_suggestions_never_cross_environments() -> None:
    """`dev-weu` and `prod-eu2` never suggest a cluster of another environment."""
    for text in ("dev-weu egw", "test-weu egw", "stage-neu egw", "staging-weu egw"):
        found = read(text)
        assert isinstance(found, Mistake)
        assert not [s for s in found.suggestions if s.startswith("prod")], text


def test_suggested_commands_can_be_run() -> None:
    for text in ("prod-wue egress-payments", "weu egress-paymnets", "prod-neu egw", "weu", "watch prod-wue edge"):
        found = read(text)
        assert isinstance(found, Mistake)
        for each in found.suggestions:
            assert not isinstance(parse_command(each, CONFIG), Mistake), each


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("<@U0BOT> again", CheckAgain()),
        ("<@U0BOT> probe", RequestStepHere(ActionKind.PROBE_POD)),
        ("<@U0BOT> probe gateway", RequestStepHere(ActionKind.PROBE_GATEWAY)),
        ("<@U0BOT> Restart.", RequestStepHere(ActionKind.RESTART)),
        ("<@U0BOT> restart egw-2", RequestStepHere(ActionKind.RESTART, "egw-2")),
        ("<@U0BOT|egress-diag> Check again!", CheckAgain()),
        ("again <@U0BOT>", CheckAgain()),
        ("<@U0BOT>   why?", ExplainFindings()),
        ("<@U0BOT> stop", StopHere()),
        ("<@U0BOT> commands", ListCommands()),
        ("<@U0BOT> watch", WatchHere(timedelta(minutes=30))),
        ("<@U0BOT> watch 30m", WatchHere(timedelta(minutes=30))),
        ("<@U0BOT> watch 1h", WatchHere(timedelta(hours=1))),
        ("<@U0BOT> watch weu egress-payments", None),
        ("<@U0BOT> weu egress-payments", None),
        ("<@U0BOT>", None),
    ],
)
def test_thread_commands(text: str, word: object) -> None:
    assert parse_thread_command(text) == word


def test_the_mention_is_not_part_of_the_command() -> None:
    assert without_mention("<@U0BOT> weu egress-payments") == "weu egress-payments"


WORDS = [
    *(
        "prod-weu",
        "weu",
        "list",
        "watch",
        "history",
        "cancel",
        "help",
        "handoff",
        "digest",
        "--host",
        "—host",
        "--from",
        "host=",
    ),
    *(
        "payments/egress-payments",
        "30m",
        "api.bank.example:443",
        "<http://x|y>",
        "<@U0BOT>",
        "<!channel>",
        "a/b",
        "/",
        "--",
        "🔥",
    ),
]


@pytest.mark.slow
@settings(max_examples=2_000, deadline=None)
@given(
    st.one_of(
        st.text(max_size=120),
        st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=12)), max_size=9).map(" ".join),
    )
)
def test_any_text_is_a_command_or_a_mistake_with_an_answer(text: str) -> None:
    """Two thousand Unicode texts: each is a command, or a mistake with a valid answer."""
    found = read(text)
    parse_thread_command(text)
    if isinstance(found, Mistake):
        answer = answers.mistake(found)
        assert answer.text
        assert not problems_of_message(list(answer.blocks))
        assert "<!" not in answer.text
