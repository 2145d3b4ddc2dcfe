"""No secret of the corpus passes, no harmless text is changed, and the time is linear."""

import json
import re
import time
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.model.redaction import redact, redact_object
from tests.redaction.corpus import (
    HARMLESS,
    HARMLESS_STRUCTURES,
    SECRET_FORMS,
    SECRET_STRUCTURES,
    SecretForm,
    SecretStructure,
)

NAMES = (
    *(
        "password",
        "DB_PASSWORD",
        "dbPassword",
        "db.passwd",
        "ADMIN_PWD",
        "keystorePassphrase",
        "smtp_pass",
        "client_secret",
        "clientSecret",
    ),
    *(
        "api_key",
        "API_KEY",
        "apiKey",
        "x-api-key",
        "accountKey",
        "AZURE_STORAGE_KEY",
        "private-key",
        "SECRET_KEY_BASE",
        "signingKey",
    ),
    *(
        "access_token",
        "accessToken",
        "SLACK_BOT_TOKEN",
        "refresh-token",
        "x-auth-token",
        "TOKEN",
        "app_credential",
        "serviceCredentials",
    ),
    *("redis_auth", "basicAuth", "proxy-auth"),
)
NOTATIONS = (
    *(
        "{}=§",
        "export {}=§",
        "{}: §",
        '"{}": "§"',
        "{} = '§'",
        "--{}=§",
        "--{} §",
        "run --{} '§' --port 1",
        "level=info {}=§ code=1",
    ),
    *(
        '{{"{}":"§"}}',
        '{{"a":1,"{}" : "§","b":2}}',
        '{{\\"{}\\":\\"§\\"}}',
        '"{{\\\\\\"{}\\\\\\":\\\\\\"§\\\\\\"}}"',
        "{{'{}': '§'}}",
    ),
    *(
        "- name: {}\n  value: §\n",
        '{{"name":"{}","value":"§"}}',
        '{{"value":"§","name":"{}"}}',
        "{{Name:{} Value:§ ValueFrom:nil}}",
    ),
    *(
        'args: ["--{}", "§"]',
        "args:\n- --{}\n- §\n",
        "https://a.example/?x=1&{}=§&y=2",
        "Server=a;{}=§;Encrypt=yes",
        "<{0}>§</{0}>",
    ),
    *(
        "{}: |\n  §\n",
        "{}:\n  §\n",
        '{} => "§"',
        "a,{}=§,b=1",
        "?{}=§#end",
        '("{}", "§")',
        'h["{}"] = "§"',
        "GET /x?{}=§ HTTP/1.1",
    ),
    *(
        "%7B%22{}%22%3A%22§%22%7D",
        "a=1\\u0026{}=§\\u0026b=2",
        "{{a: 1, {}: §, b: 2}}",
        "map[a:1 {}:§ b:2]",
        "\tspec:\n\t  {}: §",
    ),
)
VALUES = ("Zebra-hunter2", "q8W7e6R5t4Y3", "0123abcd0123abcd0123abcd0123abcd", "bm90IGEgcmVhbCBrZXk=")


@pytest.mark.parametrize("form", SECRET_FORMS, ids=lambda form: f"{form.kind}: {form.text[:40]!r}")
def test_no_secret_passes(form: SecretForm) -> None:
    shown = redact(form.text)
    assert form.leaks(shown) == []
    assert form.lost(shown) == []


def test_a_secret_is_found_within_other_text_and_within_json() -> None:
    for form in SECRET_FORMS:
        for around in (f"top\n{form.text}\nend", f"\n\n{form.text}\n"):
            assert form.leaks(redact(around)) == [], form.text
        document = redact_object(
            {"kind": "ConfigMap", "data": {"file": form.text}, "items": [form.text, {"message": form.text}]}
        )
        for shown in (document["data"]["file"], document["items"][0], document["items"][1]["message"]):
            assert form.leaks(shown) == [], form.text


def test_every_name_in_every_notation_is_recognized() -> None:
    passed = []
    for name, notation, value in product(NAMES, NOTATIONS, VALUES):
        text = notation.format(name).replace("§", value)
        if value in redact(text):
            passed.append(text)
    assert passed == []


def test_no_harmless_text_is_changed() -> None:
    assert [text for text in HARMLESS if redact(text) != text] == []


@pytest.mark.parametrize("structure", SECRET_STRUCTURES, ids=lambda each: f"{each.form.kind}: {each.form.text[:40]!r}")
def test_no_secret_of_an_object_passes(structure: SecretStructure) -> None:
    shown = redact_object(structure.content)
    assert structure.leaks(shown) == []
    assert structure.lost(shown) == []
    assert redact_object(shown) == shown


def test_no_secret_of_an_object_passes_as_json_within_text() -> None:
    """The text form knows fewer kinds: only names with values, collections, and JSON web keys."""
    kinds = ("keys", "maps and lists below a name")
    passed = []
    for structure in (each for each in SECRET_STRUCTURES if each.form.kind in kinds):
        text = json.dumps(structure.content)
        if any(secret in redact(text) for secret in structure.form.secrets if "\n" not in secret):
            passed.append(text)
    assert passed == []


def test_no_harmless_object_is_changed() -> None:
    assert [each for each in HARMLESS_STRUCTURES if redact_object(each) != each] == []


def test_a_text_of_one_word_is_redacted_as_at_the_end_of_a_text() -> None:
    """Most texts of a cluster are one word, for which fewer functions run."""
    words = {word for form in SECRET_FORMS for word in re.findall(r"[\w./@~+-]{3,}", form.text)}
    words |= {word for text in HARMLESS for word in re.findall(r"[\w./@~+-]{3,}", text)}
    different = [word for word in sorted(words) if redact(word) != redact(f"x {word}")[2:]]
    assert different == []


def test_the_corpora_are_large() -> None:
    assert len({form.text for form in SECRET_FORMS}) >= 580
    assert len(set(HARMLESS)) >= 410
    assert len(SECRET_STRUCTURES) >= 90


FRAGMENTS = st.sampled_from(
    [*(form.text for form in SECRET_FORMS), *HARMLESS, " ", "\n", '"', "\\", "'", "=", ": ", "[redacted]"]
)


@given(st.lists(FRAGMENTS | st.text(max_size=8), max_size=6).map("".join))
@settings(max_examples=300)
def test_redacting_a_redacted_text_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


PIECES = st.sampled_from(
    (
        *(
            "password",
            "token: a ",
            'key="',
            "pwd='",
            "://a:",
            "@",
            "?code=",
            "name: password\n",
            "value: x\n",
            "curl -u a:",
            "curl ",
        ),
        *(
            '\\"secret\\":',
            "kind: Secret\ndata:\n a: b\n",
            "eyJaaaaaaaaa.",
            "cookie: a=b; ",
            "token=[",
            "-----BEGIN PRIVATE KEY-----",
        ),
        *(
            "<token>",
            "authorization: ",
            "{",
            "[",
            "(",
            "\n",
            " ",
            "\\",
            "%3A%2F%2F",
            "xoxb-",
            "sk-",
            "password:\n  ",
            "key,",
            "A1b2C3d4",
        ),
        *(
            "token(",
            "token('a', ",
            "passwords: {a: ",
            "passwords:\n  a: b\n",
            '{"kty":"oct","k":"abcd"}',
            "| password | ",
            "echo a | ",
            "mysql -p ",
            "password (",
            "the password is ",
            '<a name="token">',
            'password = """',
            "secret string = ",
        ),
    )
)


@given(st.lists(PIECES, min_size=1, max_size=4).map("".join))
@settings(max_examples=12, deadline=None)
def test_time_is_linear_in_the_length(piece: str) -> None:
    """Eight times the text may not take much more than eight times as long.

    A sign of a secret is searched up to 8,000 characters away: shorter texts take less time for each character.
    """
    short, long = (_seconds((piece * (size // len(piece) + 1))[:size]) for size in (8_000, 64_000))
    assert long < 24 * max(short, 0.02)


@pytest.mark.slow
def test_a_megabyte_of_ordinary_log_lines_takes_seconds() -> None:
    assert _seconds(("\n".join(HARMLESS) * 100)[:1_000_000]) < 20


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "piece", ["password", "token: a ", 'key="', "curl ", "://a:", "-----BEGIN PRIVATE KEY-----", "name: token\n"]
)
def test_a_megabyte_of_the_worst_text_takes_seconds(piece: str) -> None:
    assert _seconds((piece * 1_000_000)[:1_000_000]) < 30


def _seconds(text: str) -> float:
    began = time.process_time()
    redact(text)
    return time.process_time() - began
