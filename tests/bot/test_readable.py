"""Validation of incoming requests before Bolt reads them."""

import pytest

from bot.listeners.payloads import MalformedPayload, read_body, read_payload


@pytest.mark.parametrize(
    "body",
    [b"", b'{"type":"url_verification"}', b"command=%2Fegress-diag&text=list", b"payload=%7B%22type%22%3A%22x%22%7D"],
)
def test_slacks_content_types_are_accepted(body: bytes) -> None:
    assert isinstance(read_body(body, ""), dict)


def test_invalid_json_is_refused() -> None:
    with pytest.raises(MalformedPayload):
        read_body(b"command=%2Fother", "application/json")
    assert read_body(b"command=%2Fother", "application/x-www-form-urlencoded") == {"command": "/other"}


@pytest.mark.parametrize("body", [b"{", b"[1]", b"payload=%7B", b"payload=null", b"payload=%5B1%5D", b"\xff\xfe\x00"])
def test_other_content_types_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        read_body(body, "")


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "text",
        {},
        {"type": 7},
        {"type": "block_actions", "user": {"id": "U0ALICE"}, "actions": []},
        {"type": "view_submission", "user": {"id": "U0ALICE"}, "view": {"id": "V1", "state": {"values": {"a": [1]}}}},
        {"type": "event_callback", "event": []},
        {"command": "/egress-diag", "user_id": "U0ALICE", "channel_id": "C0OPS", "text": "\ud800"},
        {"command": "/egress-diag", "user_id": ["U0ALICE"], "channel_id": "C0OPS"},
        {"command": "/egress-diag", "user_id": "U0ALICE", "channel_id": "C0OPS", "response_url": "file:///etc/passwd"},
    ],
)
def test_a_payload_without_the_fields_of_its_kind_is_malformed(payload: object) -> None:
    """Socket Mode delivers payloads as objects, which no signature covers."""
    with pytest.raises(MalformedPayload):
        read_payload(payload)


def test_fields_that_the_bot_does_not_read_do_not_matter() -> None:
    payload = {"command": "/egress-diag", "user_id": "U0ALICE", "channel_id": "C0OPS", "text": "list", "enterprise": 7}
    assert "enterprise" not in read_payload(payload).body
    assert read_payload(payload).body["text"] == "list"
