"""Azure's errors: real texts, each with the code that counts and the kind of its fix."""

import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from checks.knowledge.azure_errors import AZURE_ERRORS, NO_SOURCE, AzureError, ErrorSource, reported_error
from checks.knowledge.controller_texts import event_cause, event_line
from tests.clusters.bundles import read_yaml

_SCALE_SET = "/subscriptions/s/resourceGroups/MC_rg/providers/Microsoft.Compute/virtualMachineScaleSets/aks-gw-vmss"
_RULE = "-" * 80


def go(status: str, body: str, code: str = "", call: str = f"PUT https://management.azure.com{_SCALE_SET}") -> str:
    """The text of the Go client's ResponseError."""
    header = f"ERROR CODE: {code}" if code else "ERROR CODE UNAVAILABLE"
    return (
        f"failed to update vmss(aks-gw-vmss): {call}\n{_RULE}\nRESPONSE {status}\n{header}\n{_RULE}\n{body}\n{_RULE}\n"
    )


def arm(code: str, message: str, details: str = "") -> str:
    """The text of the Go client with ARM's JSON."""
    more = f', "details": [{details}]' if details else ""
    return go("400: 400 Bad Request", f'{{\n  "error": {{"code": "{code}", "message": "{message}"{more}}}\n}}', code)


_TEXTS = read_yaml(Path(__file__).with_name("azure_errors.yaml"))
REAL = tuple((each["text"], each["code"], each["kind"]) for each in _TEXTS)
"""Real texts: text, code, kind."""


@pytest.mark.parametrize(("text", "code", "kind"), REAL, ids=[f"{n}-{code}" for n, (_, code, _) in enumerate(REAL)])
def test_the_code_and_meaning_of_a_real_error(text: str, code: str, kind: str) -> None:
    error = reported_error(text)
    assert error is not None
    assert (error.code, error.known.kind if error.known else None) == (code, kind)
    assert "\n" not in error.shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (arm("BrandNewCode", "The flux\\n is not\\n  aligned."), "BrandNewCode: The flux is not aligned."),
        (
            arm("DeploymentFailed", "See details.", '{"code": "BrandNewCode", "message": "The flux is not aligned."}'),
            "BrandNewCode: The flux is not aligned.",
        ),
        (
            '{"code":"Conflict","message":"{\\"error\\":{\\"code\\":\\"BrandNewCode\\",\\"message\\":\\"No flux.\\"}}"}',
            "BrandNewCode: No flux.",
        ),
        ("BrandNewCode: The flux is not aligned.", "BrandNewCode: The flux is not aligned."),
        ('Code="BrandNewCode" Message="No flux."', "BrandNewCode: No flux."),
        ("Category: ClientError; SubCode: BrandNewCode; Message: No flux", "BrandNewCode: No flux"),
    ],
)
def test_an_unknown_code_is_shown_with_its_message_and_called_unknown(text: str, shown: str) -> None:
    error = reported_error(text)
    assert error is not None
    assert error.shown == shown
    assert error.known is None
    assert error.meaning == f"{shown.rstrip('.')} (an error code that egress-diag does not know)"


@pytest.mark.parametrize(
    "text",
    [
        "gateway agent pool not found",
        "failed to find private IP from vmss(aks-gw-vmss), instance(0), ipConfig(egressgateway-1)",
        "nic(aksnic1) has empty properties",
        "provided public ip prefix has invalid length(31), required(30)",
        "rpc error: code = Unknown desc = the egress IP prefix is not ready yet.",
        "selectPortForLBRule: No available ports",
    ],
)
def test_a_text_without_an_error_of_azure_has_no_code(text: str) -> None:
    assert reported_error(text) is None


def test_an_event_is_one_line_with_step_code_and_message() -> None:
    line = event_line(arm("ScopeLocked", "The scope is locked."))
    assert line == "failed to update vmss(aks-gw-vmss): ScopeLocked: The scope is locked."


def test_the_fix_of_the_error_comes_before_the_fix_of_the_step() -> None:
    quota, operation = (
        event_cause(f"failed to update vmss(x): {text}") for _, (text, code, kind) in _operation_not_allowed()
    )
    assert "quota" in quota.fix
    assert not quota.waiting
    assert operation.waiting


def _operation_not_allowed() -> list[tuple[int, tuple[str, str, str]]]:
    found = [(n, each) for n, each in enumerate(REAL) if each[1] == "OperationNotAllowed"]
    return sorted(found, key=lambda pair: pair[1][2])


def test_each_text_says_where_it_appears() -> None:
    sources = TypeAdapter(list[ErrorSource]).validate_python([each["source"] for each in _TEXTS])
    assert len(sources) == len(REAL)


def test_each_code_of_the_table_says_where_it_appears() -> None:
    known = AZURE_ERRORS[0].model_dump()
    for without in ({}, {"AnotherCode": NO_SOURCE}, {known["codes"][0]: "https://example.com/a"}):
        with pytest.raises(ValidationError):
            AzureError.model_validate(known | {"source": without})


def test_each_row_of_the_table_can_decide() -> None:
    codes: set[str] = set()
    for row in AZURE_ERRORS:
        re.compile(row.when)
        hidden = {code for code in row.codes if code.lower() in codes}
        assert not hidden, f"a row without `when` decides {hidden} first"
        if not row.when:
            codes |= {code.lower() for code in row.codes}
        assert row.codes or row.when
