"""The controller's events: which current_errors are current, and what each text means."""

from datetime import UTC, datetime, timedelta

import pytest

from checks.facts.events import Event
from checks.knowledge.azure_errors import AZURE_ERRORS, code_of
from checks.knowledge.controller_events import EVENT_REASONS, current_errors
from checks.knowledge.controller_texts import event_cause

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
VM, LB, SGC = (
    "gatewayVMConfiguration-controller",
    "gatewayLBConfiguration-controller",
    "staticGatewayConfiguration-controller",
)


def event(
    reason: str, minutes_ago: float | None, message: str = "text", component: str = "", kind: str = "Warning"
) -> Event:
    last = None if minutes_ago is None else (NOW - timedelta(minutes=minutes_ago)).isoformat()
    return Event(
        {
            "metadata": {"name": f"{reason}-{minutes_ago}-{message}"},
            "type": kind,
            "reason": reason,
            "message": message,
            "lastTimestamp": last,
            "source": {"component": component},
        }
    )


def reported(*events: Event) -> list[str]:
    return [found.message for found in current_errors(events)]


def test_a_warning_is_current_until_its_own_controller_succeeds() -> None:
    warning = event("ReconcileGatewayVMConfigurationError", 10, "denied")
    assert reported(warning) == ["denied"]
    assert reported(warning, event("ReconcileGatewayVMConfigurationSuccess", 5, kind="Normal")) == []
    assert reported(warning, event("ReconcileGatewayVMConfigurationSuccess", 15, kind="Normal")) == ["denied"]
    assert reported(warning, event("ReconcileGatewayLBConfigurationSuccess", 5, kind="Normal")) == ["denied"]
    assert reported(warning, event("Reconciled", 5, kind="Normal")) == ["denied"]


def test_reconciling_is_no_sign_of_health_but_ends_a_refusal() -> None:
    reconciling = event("Reconciling", 1, "provisioned with egress prefix <pending>", kind="Normal")
    assert reported(event("ReconcileError", 5, "no secret"), reconciling) == ["no secret"]
    assert reported(event("InvalidSpec", 5, "bad"), reconciling) == []


def test_the_newest_warning_comes_first_and_each_text_once() -> None:
    found = reported(
        event("ReconcileGatewayLBConfigurationError", 9, "no pool"),
        event("ReconcileGatewayVMConfigurationError", 2, "denied"),
        event("ReconcileGatewayVMConfigurationError", 7, "denied"),
    )
    assert found == ["denied", "no pool"]


def test_events_without_a_time_are_kept_and_settled_by_any_success() -> None:
    warning = event("ReconcileGatewayVMConfigurationError", None, "denied")
    assert reported(warning) == ["denied"]
    assert reported(warning, event("ReconcileGatewayVMConfigurationSuccess", 5, kind="Normal")) == []


def test_an_unknown_reason_counts_when_the_controller_wrote_it() -> None:
    assert reported(event("SomethingNew", 1, "odd", component=SGC)) == ["odd"]
    assert reported(event("SomethingNew", 1, "odd", component="policy-engine")) == []
    assert reported(event("SomethingNew", 1, "fine", component=SGC, kind="Normal")) == []


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("gateway agent pool not found", "gateway-pool-missing"),
        ("gateway VMSS not found", "gateway-pool-missing"),
        ("nodepool does not have IP prefix size", "gateway-pool-missing"),
        ("failed to parse public ip prefix id: p1", "gateway-configuration-invalid"),
        (
            "spec: Invalid value: Only one of GatewayNodepoolName and GatewayVmssProfile should be provided",
            "gateway-configuration-invalid",
        ),
        ("public ip prefix subscription(a) is not in the same subscription(b)", "own-prefix-unusable"),
        ("failed to get public ip prefix(/subscriptions/x): 404", "own-prefix-unusable"),
        ("provided public ip prefix has invalid length(31), required(30)", "own-prefix-unusable"),
        ("failed to create managed public ip prefix: QuotaExceeded", None),
        ("failed to update vmss(aks-gw)", None),
        ("failed to update vmss instance(/subscriptions/x): SubnetIsFull", None),
        ("failed to find private IP from vmss(a), instance(b), ipConfig(c)", None),
    ],
)
def test_a_text_points_to_the_check_that_finds_the_fault(message: str, fault: str | None) -> None:
    cause = event_cause(message)
    assert cause.fault == fault
    assert cause.meaning


def test_azures_own_error_explains_what_to_do() -> None:
    cause = event_cause("failed to update vmss(x): RESPONSE 403: 403 Forbidden ERROR CODE: ScopeLocked")
    assert cause.error is not None
    assert cause.error.code == "ScopeLocked"
    assert "lock" in cause.fix


def test_an_unknown_text_has_no_meaning_of_ours() -> None:
    cause = event_cause("the moon is full")
    assert (cause.meaning, cause.fault, cause.fix, cause.error) == ("", None, "", None)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('Code="BrandNewError" Message="…"', "BrandNewError"),
        ("ERROR CODE: BrandNewError", "BrandNewError"),
        ('{"error":{"code":"BrandNewError"}}', "BrandNewError"),
        ("LinkedAuthorizationFailed: no", "LinkedAuthorizationFailed"),
        ("rpc error: code = Unknown desc = x", ""),
        ("plain", ""),
    ],
)
def test_the_error_code_is_found_at_any_position(message: str, code: str) -> None:
    assert code_of(message) == code


def test_the_tables_name_each_thing_once() -> None:
    plain = [code for row in AZURE_ERRORS for code in row.codes if not row.when]
    for names in ([reason.name for reason in EVENT_REASONS], plain):
        assert len(names) == len(set(names))
