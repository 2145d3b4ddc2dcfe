"""The output of a printed command for the next one of its pipe.

Only objects in a Go template (https://kubernetes.io/docs/reference/kubectl/#custom-columns): fields, ranges over a mapping, and
quoted text. Other output is not used by a printed step.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from checks.steps.options import Options
from checks.steps.shell import ProgramCall
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.kubectl import targets
from tests.simulation.refusals import NotSimulated

_RANGE = re.compile(r"\{\{range (\$\w+), (\$\w+) := ([.\w]+)\}\}(.*?)\{\{end\}\}", re.DOTALL)
_PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


def printed_output(command: ProgramCall, copy: ClusterCopy) -> str:
    """The output of `kubectl get … -o go-template=…`; "" for another command. Raises Refused."""
    if command.words[:2] != ("kubectl", "get") and "get" not in command.words[:4]:
        return ""
    options = Options(command.words[1:])
    kind, equals, template = options.one("-o", "--output").partition("=")
    if kind != "go-template" or not equals:
        return ""
    options.positional.remove("get")
    [thing] = targets(options.positional, options, copy)
    return rendered(template, thing.raw)


def rendered(template: str, thing: Mapping[str, Any]) -> str:
    """A Go template with the values of an object.

    Raises NotSimulated for other expressions.
    """

    def of_range(found: re.Match[str]) -> str:
        key, value, path, body = found.groups()
        pairs = _field(path, thing)
        return "".join(
            body.replace(f"{{{{{key}}}}}", name).replace(f"{{{{{value}}}}}", str(pairs[name])) for name in sorted(pairs)
        )

    return _PLACE.sub(lambda found: _written(found[1], thing), _RANGE.sub(of_range, template))


def _written(expression: str, thing: Mapping[str, Any]) -> str:
    if expression.startswith('"'):
        return str(json.loads(expression))
    if not expression.startswith("."):
        raise NotSimulated(f"the template expression {expression}")
    return str(_field(expression, thing))


def _field(path: str, thing: Mapping[str, Any]) -> Any:
    found: Any = thing
    for step in path.strip(".").split("."):
        found = found.get(step, "") if isinstance(found, Mapping) else ""
    return found or {}
