"""The Kubernetes kinds that facts are read from, by `PLURAL.GROUP`."""

from checks.facts import istio, kubernetes, static_egress
from checks.facts.fact import KubernetesObject, Listed


def _kinds() -> dict[str, str]:
    found: dict[str, str] = {}
    for module in (istio, kubernetes, static_egress):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, KubernetesObject):
                origin = vars(value).get("origin")
                if isinstance(origin, Listed):
                    found[origin.resource] = value.kind
    return found


KINDS = _kinds()
