"""The parser of `probe` and `restart` after `/egress-diag`."""

from collections.abc import Callable

from bot.grammar.commands import Command, Diagnose, Mistake, RequestStep
from checks.actions.plan import ActionKind

STEP_VERBS = ("probe", "restart")
PROBES = {"pod": ActionKind.PROBE_POD, "gateway": ActionKind.PROBE_GATEWAY}
"""The probes, by the value of `--from`."""


def parse_step_command(words: list[str], diagnose: Callable[[list[str]], Command]) -> Command:
    """Parse a command whose first word is `probe` or `restart`.

    `diagnose` parses a cluster and a gateway.
    """
    verb = words[0].lower()
    option = "--from" if verb == "probe" else "--deployment"
    value, rest = _option(option, words[1:])
    if isinstance(value, Mistake):
        return value
    if verb == "probe" and value and value.lower() not in PROBES:
        return Mistake(f'`--from` must be `pod` or `gateway`, not "{value}".', (" ".join(["probe", *rest]),))
    parsed = diagnose(rest)
    if isinstance(parsed, Mistake):
        tail = f" {option} {value}" if value else ""
        message = parsed.message.replace("`/egress-diag <cluster>", f"`/egress-diag {verb} <cluster>")
        return Mistake(message, tuple(f"{verb} {each}{tail}" for each in parsed.suggestions))
    if not isinstance(parsed, Diagnose):
        return parsed
    if parsed.target.host or parsed.target.client:
        return Mistake(f"`{verb}` has no option `--host`.", (" ".join([verb, *rest[:2]]),))
    if verb == "restart":
        return RequestStep(parsed.target, ActionKind.RESTART, value)
    return RequestStep(parsed.target, PROBES[value.lower() or "pod"])


def _option(name: str, words: list[str]) -> tuple[str | Mistake, list[str]]:
    """The value of an option, "" without it, and the other words."""
    at = next((n for n, word in enumerate(words) if word.lower() == name), None)
    if at is None:
        return "", words
    value = words[at + 1] if at + 1 < len(words) else ""
    if not value or value.startswith("--"):
        example = "gateway" if name == "--from" else "NAME"
        return Mistake(f"`{name}` needs a value, for example `{name} {example}`."), words
    return value, [*words[:at], *words[at + 2 :]]
