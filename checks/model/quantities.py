"""Kubernetes quantities: `100m`, `1Gi`, `2`, `1e3`."""

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

_SUFFIXES = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?:(?P<suffix>[numkMGTPE]|[KMGTPE]i)|[eE](?P<power>[+-]?\d{1,3}))?"
)


@lru_cache(maxsize=10_000)
def quantity(written: str) -> Decimal | None:
    """The value of a quantity in its base unit, or None if the text is not a quantity."""
    found = _QUANTITY.fullmatch(written.strip())
    if found is None:
        return None
    return Decimal(found["number"]) * _SUFFIXES[found["suffix"] or ""] * Decimal(10) ** int(found["power"] or 0)


def written_bytes(value: Decimal) -> str:
    """A number of bytes as Kubernetes writes it, in the largest binary unit that is exact."""
    for suffix in ("Ti", "Gi", "Mi", "Ki"):
        if value >= _SUFFIXES[suffix] and value % _SUFFIXES[suffix] == 0:
            return f"{int(value / _SUFFIXES[suffix])}{suffix}"
    return str(int(value.to_integral_value(ROUND_CEILING)))


def written_count(value: Decimal) -> str:
    """A number of cores or objects as Kubernetes writes it, in thousandths if it is not whole."""
    if value == value.to_integral_value():
        return str(int(value))
    return f"{int((value * 1000).to_integral_value(ROUND_CEILING))}m"
