"""The checks, one module per fault: `checks/catalogue/<stage>/<fault>.py`.

Every module here is a check; none is registered.
"""

import importlib
import pkgutil
from functools import cache

from checks.engine.check import Check


@cache
def catalogue() -> tuple[Check, ...]:
    """All checks, by code."""
    found: list[Check] = []
    for module in pkgutil.walk_packages(__path__, prefix=f"{__name__}."):
        if module.ispkg:
            continue
        loaded = importlib.import_module(module.name)
        found.extend(value for value in vars(loaded).values() if isinstance(value, Check))
    return tuple(sorted(found, key=lambda each: each.code))
