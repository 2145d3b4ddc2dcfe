"""The texts and objects of the corpora, with their secrets."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_HERE = Path(__file__).parent
_SECRET = re.compile(r"«([^»]*)»")
_KEPT = re.compile("\u2039([^\u203a]*)\u203a")
_WORD = re.compile(r"[A-Za-z0-9]{4,}")


@dataclass(frozen=True, slots=True)
class SecretForm:
    """A text with secrets: `secrets` may not be in the redacted text, `kept` must be."""

    kind: str
    text: str
    secrets: tuple[str, ...]
    kept: tuple[str, ...]

    def leaks(self, shown: str) -> list[str]:
        """The secrets and their words of four characters that can be read in `shown`.

        A word that the text also contains outside its secrets is not counted.
        """
        words = [word for secret in self.secrets for word in _WORD.findall(secret)]
        return [
            each for each in (*self.secrets, *words) if each in shown and shown.count(each) > self._outside.count(each)
        ]

    @property
    def _outside(self) -> str:
        rest = self.text
        for secret in self.secrets:
            rest = rest.replace(secret, "\0")
        return rest

    def lost(self, shown: str) -> list[str]:
        """The texts that `shown` must contain and does not."""
        return [each for each in self.kept if each not in shown]


@dataclass(frozen=True, slots=True)
class SecretStructure:
    """An object with secrets: `form` holds its strings, one a line, with their marks."""

    content: Any
    form: SecretForm

    def leaks(self, shown: Any) -> list[str]:
        """The secrets and their words that can be read in the redacted object."""
        return self.form.leaks(lines(shown))

    def lost(self, shown: Any) -> list[str]:
        """The texts that the redacted object must contain and does not."""
        return self.form.lost(lines(shown))


def lines(content: Any) -> str:
    """Every key and value of an object, one a line."""
    return "\n".join(_strings(content))


def _strings(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield str(key)
            yield from _strings(value)
    elif isinstance(content, list):
        for each in content:
            yield from _strings(each)
    else:
        yield str(content)


def _plain(text: str) -> str:
    return re.sub("[«»\u2039\u203a·]", "", text)


def _form(kind: str, text: str) -> SecretForm:
    secrets = tuple(_plain(each) for each in _SECRET.findall(text))
    return SecretForm(kind, _plain(text), secrets, tuple(_plain(each) for each in _KEPT.findall(text)))


def _structure(kind: str, written: Any) -> SecretStructure:
    return SecretStructure(_plain_content(written), _form(kind, lines(written)))


def _plain_content(content: Any) -> Any:
    if isinstance(content, dict):
        return {_plain(key): _plain_content(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_plain_content(each) for each in content]
    return _plain(content) if isinstance(content, str) else content


SECRET_FORMS = tuple(
    _form(kind, text) for kind, texts in yaml.safe_load((_HERE / "secrets.yaml").read_text()).items() for text in texts
)
HARMLESS = tuple(text for texts in yaml.safe_load((_HERE / "harmless.yaml").read_text()).values() for text in texts)
SECRET_STRUCTURES = tuple(
    _structure(kind, written)
    for kind, objects in yaml.safe_load((_HERE / "structures.yaml").read_text()).items()
    for written in objects
)
HARMLESS_STRUCTURES: tuple[Any, ...] = tuple(yaml.safe_load((_HERE / "harmless_structures.yaml").read_text()))
