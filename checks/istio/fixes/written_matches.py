"""The conditions of rules as people write them, such as `port 80 and path prefix /v1`."""

from checks.model.raw_values import Raw, mapping

_NAMES = {"uri": "path", "sniHosts": "SNI", "queryParams": "query parameter", "headers": "header"}
_BY_NAME = ("headers", "withoutHeaders", "queryParams", "sourceLabels")
"""The fields with a condition for each name."""


def written_match(match: Raw) -> str:
    """A match block as people write it."""
    parts = [each for key, value in match.items() if value not in ([], "") for each in _parts(str(key), value)]
    return " and ".join(parts) or "every request"


def _parts(key: str, value: object) -> list[str]:
    name = _NAMES.get(key, "without header" if key == "withoutHeaders" else key)
    if key == "ignoreUriCase":
        return ["path in any case"] if value else []
    if key in _BY_NAME:
        label = "source label" if key == "sourceLabels" else name
        return [f"{label} {_value(each, f'{one} ')}" for one, each in mapping({"all": value}, "all").items()]
    return [f"{name} {_value(value)}"]


def _value(value: object, of: str = "") -> str:
    if isinstance(value, list):
        return of + ", ".join(map(str, value))
    if not isinstance(value, dict):
        return f"{of}{value}"
    kinds = [f"{kind} {each}" for kind, each in value.items()]
    return of + (", ".join(kinds) if kinds else "present")
