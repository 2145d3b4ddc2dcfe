"""The options of printed kubectl and az commands."""

from collections.abc import Sequence

_VALUED = frozenset(
    {
        *("-n", "--namespace", "--context", "--kubeconfig", "--type", "-p", "--patch", "-l", "--selector", "-o"),
        *("--output", "--field-selector", "-f", "--filename", "--replicas", "--timeout", "-c", "--container"),
        *("--tail", "--grace-period", "--from-literal", "--from-file", "--cert", "--key", "--image", "--port"),
        "--name",
    }
)
"""The options of kubectl whose value is the next word."""


class Options:
    """The words of a kubectl command: positional ones, and options by name."""

    def __init__(self, words: Sequence[str]) -> None:
        self.positional: list[str] = []
        self.values: dict[str, list[str]] = {}
        rest = iter(words)
        for word in rest:
            if not word.startswith("-") or word == "-":
                self.positional.append(word)
                continue
            name, equals, value = word.partition("=")
            if not equals:
                value = next(rest, "") if name in _VALUED else "true"
            self.values.setdefault(name, []).append(value)

    def one(self, *names: str) -> str:
        """The value of an option by any of its names; "" without it."""
        return next((self.values[name][-1] for name in names if name in self.values), "")

    @property
    def namespace(self) -> str:
        return self.one("-n", "--namespace")


class Parameters:
    """The parameters of an az command: each takes every word up to the next one."""

    def __init__(self, words: Sequence[str]) -> None:
        self.values: dict[str, list[str]] = {}
        name = ""
        for word in words:
            if word.startswith("-"):
                name, equals, value = word.partition("=")
                self.values[name] = [value] if equals else []
            else:
                self.values.setdefault(name, []).append(word)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def one(self, *names: str) -> str:
        """The value of a parameter by any of its names; "" without it."""
        return next((" ".join(self.values[name]) for name in names if name in self.values), "")


def az_verbs(words: Sequence[str]) -> tuple[tuple[str, ...], Parameters]:
    """The verbs and the parameters of the words after `az`."""
    end = next((n for n, word in enumerate(words) if word.startswith("-")), len(words))
    return tuple(words[:end]), Parameters(words[end:])
