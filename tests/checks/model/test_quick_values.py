"""Values that are built quickly are frozen values like any other."""

import copy
import inspect
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest
from pydantic import TypeAdapter

from checks.model.findings import Action, Evidence, Finding, Observation, Severity, Stage, Status, healthy
from checks.model.quick_values import quickly_built

FINDING = Finding(
    "gateway-pods-not-running",
    "EG301",
    Stage.PROVISIONING,
    Severity.BLOCKS,
    ("PROV-1",),
    "No pod of the gateway runs",
    Status.FAIL,
    "0 of 2 pods run.",
    evidence=(Evidence("Pod a/b", "status.phase", "Pending", "Running"),),
    actions=(Action("Show the pod"),),
)
VALUES = (FINDING, FINDING.evidence[0], FINDING.actions[0], healthy("2 of 2 pods run."))


@dataclass(frozen=True, slots=True)
class Plain:
    name: str
    size: int = 3
    parts: tuple[str, ...] = ()


@quickly_built
@dataclass(frozen=True, slots=True)
class Quick:
    name: str
    size: int = 3
    parts: tuple[str, ...] = ()


def test_the_parameters_are_those_of_the_dataclass() -> None:
    assert inspect.signature(Quick.__init__) == inspect.signature(Plain.__init__)
    assert Quick("a") == Quick(name="a", size=3, parts=())
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
        Quick()  # type: ignore[call-arg]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_no_field_can_be_changed_afterwards(value: object) -> None:
    for each in fields(type(value)):  # type: ignore[arg-type]
        with pytest.raises(FrozenInstanceError):
            setattr(value, each.name, None)
        with pytest.raises(FrozenInstanceError):
            delattr(value, each.name)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_can_be_copied_stored_and_compared(value: Finding | Observation | Evidence | Action) -> None:
    same = replace(value)
    assert type(same) is type(value)
    assert same == value
    assert hash(same) == hash(value)
    assert copy.deepcopy(value) == value
    adapter = TypeAdapter(type(value))
    assert adapter.validate_json(adapter.dump_json(value)) == value


def test_a_field_that_is_computed_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Computed:
        parts: list[str] = field(default_factory=list)

    with pytest.raises(TypeError, match="parts"):
        quickly_built(Computed)
