"""Objects with fields or values of a newer version of Istio, whose effect is not known.

Source: docs/rulings.md#ruling-32.
"""

from collections.abc import Iterable

from checks.facts.fact import KubernetesObject
from checks.istio.mesh.mesh import Mesh
from checks.istio.request.matching import NotModelled
from checks.knowledge.istio_syntax import newer_syntax, syntax_table
from checks.model.raw_values import text


def refuse_newer(mesh: Mesh, objects: Iterable[KubernetesObject | None]) -> None:
    """Raise NotModelled if an object has a field or value that Istio's known API lacks."""
    for each in objects:
        if each is not None and (place := newer_place(mesh, each)):
            raise NotModelled(f"{place} of {each.ref} is newer than Istio {syntax_table().version}")


def newer_place(mesh: Mesh, thing: KubernetesObject) -> str:
    """The first field or value of an object that Istio's known API lacks; "" for none."""
    return mesh.parts.of_object("newer syntax", thing, lambda: _place(thing))


def _place(thing: KubernetesObject) -> str:
    # Istio converts routes of the Gateway API, whose kinds have the same names.
    group = text(thing.raw, "apiVersion").partition("/")[0]
    return newer_syntax(thing.kind, thing.raw.get("spec")) if group.endswith(".istio.io") else ""
