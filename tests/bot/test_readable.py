"""What may come in as one of Slack's requests, before Bolt looks at it."""

import pytest

from bot.app import is_readable


@pytest.mark.parametrize(
    "body",
    [b"", b'{"type":"url_verification"}', b"command=%2Fegress-diag&text=list", b"payload=%7B%22type%22%3A%22x%22%7D"],
)
def test_slacks_own_forms_are_passed_on(body: bytes) -> None:
    assert is_readable(body)


def test_what_calls_itself_json_has_to_be_some() -> None:
    assert not is_readable(b"command=%2Fother", "application/json")
    assert is_readable(b"command=%2Fother", "application/x-www-form-urlencoded")


@pytest.mark.parametrize("body", [b"{", b"[1]", b"payload=%7B", b"payload=null", b"payload=%5B1%5D", b"\xff\xfe\x00"])
def test_anything_else_is_refused_before_it_can_break_something(body: bytes) -> None:
    assert not is_readable(body)
