"""Changes as people give them.

YAML documents to apply, and `KIND/NAMESPACE/NAME` to delete.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from checks.facts.changes import Apply, Delete
from checks.facts.fact import KubernetesObject
from checks.facts.kubernetes_kinds import LISTED_KINDS, listed_kind
from checks.facts.store import FactStore
from checks.model.documents import BadDocument, Budget, parse_yaml
from checks.model.raw_values import Raw, text


class BadChange(ValueError):
    """The text describes no change.

    The message names the document or object and what is expected.
    """


class UnreadObject(BadChange):
    """Whether the named object exists is not known: it was not read."""


def changes_from_yaml(written: str) -> tuple[Apply, ...]:
    """A change for each object in these YAML documents; Lists are expanded. Raises BadChange."""
    try:
        documents = tuple(parse_yaml(written, Budget()))
    except BadDocument as problem:
        raise BadChange(str(problem)) from None
    numbered = ((f"document {number}", each) for number, each in enumerate(documents, 1))
    return tuple(Apply(_checked(at, each)) for where, document in numbered for at, each in objects_of(where, document))


def objects_of(where: str, document: Any) -> Iterator[tuple[str, Any]]:
    """The objects of a document with their places.

    The document itself, or the items of a List or of a list of one kind.

    Raises BadChange.
    """
    kind, listed = (text(document, "kind"), document.get("items")) if isinstance(document, Mapping) else ("", None)
    if kind != "List" and not (kind.endswith("List") and isinstance(listed, list)):
        yield where, document
        return
    if not isinstance(listed, list):
        raise BadChange(f"{where}: a List without items; expected a list of Kubernetes objects")
    for position, each in enumerate(listed, 1):
        given = {"apiVersion": text(document, "apiVersion"), "kind": kind.removesuffix("List")}  # items may lack both
        full = {**given, **each} if kind != "List" and isinstance(each, Mapping) else each
        yield from objects_of(f"{where}, item {position}", full)


def _checked(where: str, document: Any) -> Raw:
    if not isinstance(document, Mapping):
        raise BadChange(f"{where}: not a mapping; expected a Kubernetes object")
    api_version, kind = text(document, "apiVersion"), text(document, "kind")
    if not kind:
        raise BadChange(f"{where}: has no kind; expected a Kubernetes object")
    if not api_version:
        raise BadChange(f"{where}, a {kind}: has no apiVersion")
    if listed_kind(api_version, kind) is None:
        raise BadChange(f"{where}: kind {kind} of {api_version} is not one that egress-diag reads")
    if not text(document, "metadata", "name"):
        raise BadChange(f"{where}, a {kind}: has no metadata.name")
    return document


def deletion(store: FactStore, written: str) -> Delete:
    """The deletion of the object that `KIND/NAMESPACE/NAME` names. Raises BadChange.

    `KIND/NAME` for cluster-scoped kinds. Raises UnreadObject if the read of the kind failed.

    KIND is the kind, its plural or either with the API group, in any case, as for kubectl.
    """
    kind, _, place = written.partition("/")
    namespace, slash, name = place.rpartition("/")
    if not kind or not name or (slash and not namespace):
        raise BadChange(f"{written}: expected KIND/NAMESPACE/NAME, or KIND/NAME for a kind without namespaces")
    kinds = _kinds(kind.lower())
    if not kinds:
        raise BadChange(f"{written}: kind {kind} is not one that egress-diag reads")
    found = [thing for each in kinds if (thing := store.by_key(each, namespace, name)) is not None]
    missed = [gap for each in kinds for gap in store.gaps(each) if gap.covers(namespace or None, name)]
    if not found and missed:
        raise UnreadObject(f"{written}: not checked whether it exists ({missed[0]})")
    if not found:
        raise BadChange(f"{written}: there is no such object")
    if len(found) > 1:
        names = " or ".join(f"{each.kind}.{_group(each)}" for each in found)
        raise BadChange(f"{written}: two objects have this name; expected {names} as the kind")
    return Delete(found[0])


def _kinds(word: str) -> list[type[KubernetesObject]]:
    return [
        kind
        for resource, (kind, origin) in LISTED_KINDS.items()
        if word in (resource, origin.plural, kind.kind.lower(), f"{kind.kind}.{origin.group}".lower())
    ]


def _group(thing: KubernetesObject) -> str:
    return next(origin.group for kind, origin in LISTED_KINDS.values() if kind is type(thing))
