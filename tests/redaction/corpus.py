"""The texts of secrets.yaml and harmless.yaml, with their secrets."""

import re
from dataclasses import dataclass
from pathlib import Path

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


def _plain(text: str) -> str:
    return re.sub("[«»\u2039\u203a·]", "", text)


def _form(kind: str, text: str) -> SecretForm:
    secrets = tuple(_plain(each) for each in _SECRET.findall(text))
    return SecretForm(kind, _plain(text), secrets, tuple(_plain(each) for each in _KEPT.findall(text)))


SECRET_FORMS = tuple(
    _form(kind, text) for kind, texts in yaml.safe_load((_HERE / "secrets.yaml").read_text()).items() for text in texts
)
HARMLESS = tuple(text for texts in yaml.safe_load((_HERE / "harmless.yaml").read_text()).values() for text in texts)
