"""Whether the entries of a bundle's errors.yaml are valid (docs/contract.md#bundle)."""

from collections.abc import Mapping

from checks.facts.barrier import Barrier
from checks.facts.fact import Credentials

_KEYS = ("source", "resource", "namespace", "name", "status", "message", "credentials", "readable_in", "barrier")
_CREDENTIALS = tuple(each.value for each in Credentials)
_BARRIERS = tuple(each.value for each in Barrier)
_SOURCES = ("kubernetes", "azure", "logs", "metrics")


def error_entry_problem(error: object) -> tuple[str, str] | None:
    """(what is wrong with an entry, what was expected), None if it is valid.

    The first is the end of a sentence.
    """
    if not isinstance(error, Mapping):
        return " is not a mapping", f"the keys {', '.join(_KEYS)}"
    if unknown := [key for key in error if key not in _KEYS]:
        return f' has an unknown key "{unknown[0]}"', ", ".join(_KEYS)
    if error.get("source") not in _SOURCES:
        return f": source is {error.get('source')!r}", " or ".join(_SOURCES)
    if not isinstance(error.get("resource"), str) or not error["resource"]:
        return f": resource is {error.get('resource')!r}", 'PLURAL.GROUP, an ARM ID, or "*"'
    status = error.get("status")
    if isinstance(status, bool) or not isinstance(status, int) or not 0 <= status <= 599:
        return f": status is {status!r}", "an HTTP status (504 is a time-out)"
    if error.get("credentials") not in (None, *_CREDENTIALS):
        return f": credentials is {error['credentials']!r}", " or ".join(_CREDENTIALS)
    if error.get("barrier") not in (None, *_BARRIERS):
        return f": barrier is {error['barrier']!r}", " or ".join(_BARRIERS)
    return _place_problem(error)


def _place_problem(error: Mapping[object, object]) -> tuple[str, str] | None:
    """As above, of the values that say where and why a read failed."""
    names = error.get("readable_in", [])
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        return f": readable_in is {names!r}", "a list of namespaces"
    for key in ("namespace", "name", "message"):
        if not isinstance(error.get(key), str | None):
            return f": {key} is {error[key]!r}", "text or null"
    return None
