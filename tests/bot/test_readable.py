"""Validation of incoming requests before Bolt reads them."""

import pytest

from bot.app import is_readable


@pytest.mark.parametrize(
    "body",
    [b"", b'{"type":"url_verification"}', b"command=%2Fegress-diag&text=list", b"payload=%7B%22type%22%3A%22x%22%7D"],
)
def test_slacks_content_types_are_accepted(body: bytes) -> None:
    assert is_readable(body)


def test_invalid_json_is_refused() -> None:
    assert not is_readable(b"command=%2Fother", "application/json")
    assert is_readable(b"command=%2Fother", "application/x-www-form-urlencoded")


@pytest.mark.parametrize("body", [b"{", b"[1]", b"payload=%7B", b"payload=null", b"payload=%5B1%5D", b"\xff\xfe\x00"])
def test_other_content_types_are_refused(body: bytes) -> None:
    assert not is_readable(body)
