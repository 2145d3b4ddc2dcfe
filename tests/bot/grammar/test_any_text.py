"""Any text is a command or a mistake with a message, and never an exception."""

from __future__ import annotations

import string
from collections import Counter
from random import Random

import pytest

from bot.grammar.commands import Mistake
from bot.grammar.parser import parse_command
from bot.grammar.thread_parser import parse_thread_command
from bot.grammar.words import MAX_CHARACTERS, without_mention
from checks.config.configuration import Config

COMMANDS = (
    "", "list", "list prod-weu", "prod-weu team-egress/egw",
    "weu egw --host api.bank.example:443 --from checkout/web", "help",
    "watch prod-weu egw 30m", "history weu team-egress/egw",
    "handoff 8h <@U0BOB> pool is with Azure", "digest list", "digest add",
    "digest remove 1", "digest now", "mute weu team-egress/egw gateway-pool-missing 7d known", "cancel",
    "unmute weu team-egress/egw gateway-pool-missing",
)  # fmt: skip

WORDS = (
    "list", "watch", "history", "handoff", "digest", "add", "remove", "now", "mute", "unmute",
    "cancel", "help", "again", "why",
    "stop", "commands", "report", "prod-weu", "weu", "prod-neu", "prod-wue", "team-egress/egw", "egw", "/", "//", "a/b/c",
    "--host", "--from", "--host=", "—host", "host:", "from=", "--", "-", "api.bank.example:443",
    "https://api.bank.example/x?y#z",
    "[::1]:443", "1.2.3.4:99999", "*.example", "checkout/web", "30m", "0m", "8h", "999999999h", "99999999999999999999d", "7d",
    "-5m", "1e9h", "<@U0BOB>", "<@U0BOB|bob>", "<!channel>", "<#C0OPS|ops>",
    "<http://a.example|a.example>", "<mailto:a@b>", "<",
    ">", "|", "@here", "gateway-pool-missing", "EG407", "“quoted”", "'", '"', "`x`", "*b*",
    "\u202e", "\u200b", "\x00", "\ud800",
    "é" * 70, "ß", "İ", "٣", "²", "1" * 400, "a" * 300, "\\", "%s", "{}", "$(x)", ";", "&amp;",
    "&lt;b&gt;", "\n", "\t", "\u2028",
)  # fmt: skip


def texts(count: int, seed: int) -> list[str]:
    """Sequences of known words, with letters exchanged, and some of any characters."""
    random = Random(seed)
    found = []
    for _ in range(count):
        words = random.choice(COMMANDS).split()
        for _ in range(random.choice((0, 0, 1, 1, 2, 3, 9))):
            place = random.randint(0, len(words))
            words[place : place + random.randint(0, 1)] = [random.choice(WORDS)]
        text = random.choice((" ", " ", " ", "\u00a0", "  ", "")).join(words)
        for _ in range(random.choice((0, 0, 0, 1, 5))):
            place = random.randint(0, len(text))
            odd = random.choice((*string.printable, chr(random.randrange(1, 0x110000))))
            text = text[:place] + odd + text[place + random.randint(0, 1) :]
        found.append(text * random.choice((1, 1, 1, 1, 40)))
    return found


@pytest.mark.parametrize("count", [2000, pytest.param(10_000, marks=pytest.mark.matrix)])
def test_no_text_causes_an_exception(config: Config, count: int) -> None:
    kinds: Counter[str] = Counter()
    for text in texts(count, 12):
        parsed = parse_command(text, config, lambda _: ("team-egress/egw", "payments/egress"))
        thread = parse_thread_command(without_mention(text))
        kinds[type(parsed).__name__] += 1
        for each in (parsed, thread):
            if isinstance(each, Mistake):
                assert each.message
                assert len(each.suggestions) <= MAX_CHARACTERS
    print(f"{count} texts: {dict(kinds)}")
    assert len(kinds) >= 8, "many kinds of commands are among them"
    assert kinds["Mistake"] > count // 10
