"""How are values that every run makes by the thousand built quickly?

A frozen dataclass sets each field through `object.__setattr__`, which finds the field by its name: five times the work of an
assignment. A run of all gateways of a cluster makes a million of such fields.
"""

from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

_T = TypeVar("_T")


def quickly_built(cls: type[_T]) -> type[_T]:
    """The same frozen dataclass with slots, whose `__init__` assigns the fields.

    Until they are assigned, the value has a class with the same slots that permits it. Afterwards it is frozen as before.
    The parameters stay as they are. Raises TypeError for a field that `__init__` computes.
    """
    given: tuple[Field[Any], ...] = fields(cls)  # type: ignore[arg-type]
    computed = [each.name for each in given if each.default_factory is not MISSING or not each.init or each.kw_only]
    if computed or hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__name__} computes {', '.join(computed) or 'a field in __post_init__'}")
    names = {
        "_open": type(cls.__name__, (), {"__slots__": tuple(each.name for each in given)}),
        "_frozen": cls,
        "_become": object.__dict__["__class__"].__set__,
        **{f"_{each.name}": each.default for each in given if each.default is not MISSING},
    }
    parameters = [each.name if each.default is MISSING else f"{each.name}=_{each.name}" for each in given]
    lines = [
        f"def __init__(self, {', '.join(parameters)}):",
        "    _become(self, _open)",
        *(f"    self.{each.name} = {each.name}" for each in given),
        "    self.__class__ = _frozen",
    ]
    exec("\n".join(lines), names)  # noqa: S102 - as dataclasses does; all names are those of fields
    made = names["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__annotations__ = cls.__init__.__annotations__
    cls.__init__ = made  # type: ignore[method-assign]
    return cls
