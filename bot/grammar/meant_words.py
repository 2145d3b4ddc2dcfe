"""The command that a wrong text most likely means, for the button of its mistake.

People write names in the order of their sentence, join them with signs, and use the options of kubectl.
"""

import re
from collections.abc import Callable, Sequence

from bot.grammar.words import is_duration

_FILLERS = frozenset(
    ("on", "in", "at", "of", "for", "the", "please", "gateway", "cluster", "namespace", "egress", "to", "and")
)
_NAMED = {"-n": "namespace", "--namespace": "namespace", "-namespace": "namespace", "--ns": "namespace"}
_NAMED |= {
    "--cluster": "cluster",
    "-cluster": "cluster",
    "-c": "cluster",
    "--gateway": "gateway",
    "-gateway": "gateway",
}
_OPTIONS = {
    "-host": "--host",
    "host": "--host",
    "-from": "--from",
    "from": "--from",
    "--host": "--host",
    "--from": "--from",
}
_HOST = re.compile(r"(?:https?://\S+|[\w-]+(?:\.[\w-]+)+(?::\d+)?)")


def meant_words(words: Sequence[str], is_cluster: Callable[[str], bool]) -> list[str] | None:
    """The words of the command that a wrong one means; None if they are the same.

    They have no verb. `is_cluster` is whether a word names a cluster.
    """
    given, options, names = _sorted(words)
    names = [part for each in names for part in _parts(each, is_cluster)]
    if len(names) > 2 and is_cluster(joined := "-".join(names[:2])):
        names[:2] = [joined]
    if len(names) > 2:
        names = [each for each in names if each.lower() not in _FILLERS]
    cluster = given.get("cluster") or next((each for each in names if is_cluster(each)), "")
    rest = [each for each in names if each != cluster]
    span = [rest.pop()] if len(rest) > 1 and is_duration(rest[-1]) else []
    if "--host" not in options and len(rest) > 1 and _HOST.fullmatch(rest[-1]):
        options["--host"] = rest.pop()
    gateway = given.get("gateway") or "/".join(rest[:2]).replace(":", "/")
    if (namespace := given.get("namespace")) and gateway and "/" not in gateway:
        gateway = f"{namespace}/{gateway}"
    if not cluster or not gateway or len(rest) > 2 or gateway.count("/") > 1:
        return None
    found = [cluster, gateway, *(part for option in options.items() for part in option), *span]
    return found if found != list(words) else None


def _sorted(words: Sequence[str]) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """(names by option, options, other words)."""
    given: dict[str, str] = {}
    options: dict[str, str] = {}
    names: list[str] = []
    rest = iter(each.rstrip(";,.") for each in words)
    for word in rest:
        if (name := _NAMED.get(word.lower())) is not None:
            given[name] = next(rest, "")
        elif (option := _OPTIONS.get(word.lower())) is not None:
            options[option] = next(rest, "")
        elif word.isdigit() and names:
            names.append(f"{word}{next(rest, '')}")
        elif word:
            names.append(word)
    return given, options, names


def _parts(word: str, is_cluster: Callable[[str], bool]) -> list[str]:
    """A cluster and a gateway that a sign joins, or the word."""
    left, sign, right = re.match(r"([^/:,]*)([/:,]?)(.*)", word).groups()  # type: ignore[union-attr] # matches any text
    return [left, right] if sign and right and is_cluster(left) else [word]
