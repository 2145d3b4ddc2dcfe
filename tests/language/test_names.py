"""No name of the code contains a word that docs/language.md rules out."""

from pathlib import Path

import pytest

from tests.language.names import names_below, ruled_out, words_of

ROOT = Path(__file__).parents[2]
# The route is replaced by the router.
EXEMPT = ("checks/istio/route", "tests/checks/istio/route")


def exempt(file: Path) -> bool:
    return any(file.relative_to(ROOT).is_relative_to(each) for each in EXEMPT)


@pytest.mark.parametrize("folder", ["bot", "workers", "checks", "tests"])
def test_names_use_the_words_of_the_glossary(folder: str) -> None:
    found = [
        f'{each.file.relative_to(ROOT)}:{each.line}: {each.name}: "{word}": write {instead}'
        for each in names_below(ROOT / folder)
        if not exempt(each.file)
        for word, instead in ruled_out(each.name)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("route_of_host", ["route", "of", "host"]),
        ("ChannelGone", ["channel", "gone"]),
        ("HTTPSDoor", ["https", "door"]),
        ("_MAX_LEGS2", ["max", "legs"]),
    ],
)
def test_a_name_is_split_into_its_words(name: str, words: list[str]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize(("name", "word"), [("ChannelGone", "gone"), ("_way_document", "way"), ("look_at", "look")])
def test_a_ruled_out_word_in_a_name_is_reported(name: str, word: str) -> None:
    assert [found for found, _ in ruled_out(name)] == [word]


@pytest.mark.parametrize("name", ["look_up_group", "three_way_patch", "test_the_fields_stay"])
def test_terms_of_the_field_are_allowed(name: str) -> None:
    assert list(ruled_out(name)) == []


def test_every_kind_of_name_is_read(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        "import json as alias\n"
        "class Class:\n"
        "    def method(self, parameter, *rest, key=1, **others):\n"
        "        self.attribute = local = 1\n"
        "        for item in (lambda inner: inner)(rest):\n"
        "            match item:\n"
        "                case [first, *more]: pass\n"
        "        try: pass\n"
        "        except ValueError as wrong: pass\n",
        encoding="utf-8",
    )
    assert {each.name for each in names_below(tmp_path)} == {
        *("module", "alias", "Class", "method", "self", "parameter", "rest", "key", "others", "attribute", "local"),
        *("item", "inner", "first", "more", "wrong"),
    }
