"""A JSON patch of a list entry tests that the entry is still the same one."""

import pytest

from checks.facts.patches import Unfit, json_patched
from checks.model.json_patches import Operation, patch_entry, unchanged

EXCLUDE: list[Operation] = [
    unchanged("/webhooks/1/name", "policy.example.com"),
    {"op": "replace", "path": "/webhooks/1/failurePolicy", "value": "Ignore"},
]


def test_the_command_has_both_operations() -> None:
    command = patch_entry("validatingwebhookconfiguration", "policy", EXCLUDE)
    assert command.startswith("kubectl patch validatingwebhookconfiguration policy --type=json -p '[{")
    assert '{"op": "test", "path": "/webhooks/1/name", "value": "policy.example.com"}, {"op": "replace"' in command


def test_a_list_that_has_changed_in_the_meantime_is_not_patched() -> None:
    webhooks = [
        {"name": "a.example.com", "failurePolicy": "Fail"},
        {"name": "policy.example.com", "failurePolicy": "Fail"},
    ]
    assert json_patched({"webhooks": webhooks}, EXCLUDE)["webhooks"][1]["failurePolicy"] == "Ignore"
    with pytest.raises(Unfit, match="another value"):
        json_patched({"webhooks": webhooks[::-1]}, EXCLUDE)


def test_a_patch_by_index_without_a_test_is_refused() -> None:
    with pytest.raises(ValueError, match="no test of /webhooks/1 before replace /webhooks/1/failurePolicy"):
        patch_entry("validatingwebhookconfiguration", "policy", EXCLUDE[1:])
    with pytest.raises(ValueError, match="no test"):
        patch_entry("validatingwebhookconfiguration", "policy", [unchanged("/webhooks/0/name", "a"), EXCLUDE[1]])


def test_a_field_that_is_in_no_list_needs_no_test() -> None:
    assert "spec" in patch_entry("service", "egw", [{"op": "remove", "path": "/spec/externalIPs"}], "team-egress")
