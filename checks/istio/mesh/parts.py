"""The parts of a mesh, built when they are needed.

The mesh after a change shares the parts that the change does not concern.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast, overload

from checks.facts.fact import Fact, KubernetesObject

_K = TypeVar("_K", bound=KubernetesObject)
_V = TypeVar("_V")

Kinds = frozenset[type[Fact]]


class ObjectsByKind(Protocol):
    """The objects of a cluster by kind; reading a kind may raise Unreadable."""

    def __getitem__(self, kind: type[KubernetesObject], /) -> Iterable[KubernetesObject]: ...


@dataclass(frozen=True, slots=True)
class _Part:
    value: Any
    kinds: Kinds
    """The kinds that were read to build it."""


class Parts:
    """The parts of one mesh.

    Each is complete when it is built, and the kinds that it was built from are known.
    """

    def __init__(self, objects: ObjectsByKind, earlier: "Parts | None" = None, changed: Kinds = frozenset()) -> None:
        """`earlier`: the parts before the objects of the `changed` kinds changed."""
        self._objects, self._earlier, self._changed = objects, earlier, changed
        self.known: dict[Hashable, _Part] = {}
        self._reading: list[set[type[Fact]]] = []
        self.per_object: dict[tuple[str, int], tuple[object, Any]] = earlier.per_object if earlier is not None else {}

    def objects(self, kind: type[_K]) -> list[_K]:
        """The objects of a kind. Raises Unreadable."""
        for each in self._reading:
            each.add(kind)
        return cast("list[_K]", list(self._objects[kind]))

    def get(self, key: Hashable, build: Callable[[], _V]) -> _V:
        """The part with this key. Raises Unreadable if a kind that it needs could not be read."""
        found = self.read(key)
        if found is None:
            found = self.known[key] = self._unchanged(key) or self._built(build)
            self._share(key, found)
            self._count(found)
        value: _V = found.value
        return value

    def read(self, key: Hashable) -> "_Part | None":
        """The part with this key, if it is known."""
        found = self.known.get(key)
        if found is not None and self._reading:
            self._count(found)
        return found

    def _count(self, part: "_Part") -> None:
        """Count the kinds of a part as read by the parts that are being built."""
        for each in self._reading:
            each.update(part.kinds)

    def of_object(self, name: str, thing: KubernetesObject, build: Callable[[], _V]) -> _V:
        """A value that depends on one object alone, shared by all meshes with this object."""
        found = self.per_object.get((name, id(thing)))
        if found is None or found[0] is not thing:
            found = self.per_object[name, id(thing)] = (thing, build())
        value: _V = found[1]
        return value

    def _unchanged(self, key: Hashable) -> _Part | None:
        found = self._earlier.known.get(key) if self._earlier is not None else None
        return found if found is not None and found.kinds.isdisjoint(self._changed) else None

    def _share(self, key: Hashable, part: _Part) -> None:
        """Give a part that the change does not concern to the mesh before it.

        The meshes after other changes then share it, too.
        """
        if self._earlier is not None and part.kinds.isdisjoint(self._changed):
            self._earlier.known.setdefault(key, part)

    def _built(self, build: Callable[[], object]) -> _Part:
        reading: set[type[Fact]] = set()
        self._reading.append(reading)
        try:
            value = build()
        finally:
            self._reading.pop()
        return _Part(value, frozenset(reading))


class WithParts(Protocol):
    """An object whose attributes are parts."""

    parts: Parts


class part(Generic[_V]):  # noqa: N801 - used as a decorator, like property
    """An attribute that is a part."""

    def __init__(self, build: Callable[[Any], _V]) -> None:
        self._build, self.__doc__ = build, build.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"{owner.__name__}.{name}"

    @overload
    def __get__(self, mesh: None, owner: type | None = None) -> "part[_V]": ...
    @overload
    def __get__(self, mesh: WithParts, owner: type | None = None) -> _V: ...
    def __get__(self, mesh: WithParts | None, owner: type | None = None) -> "part[_V] | _V":
        if mesh is None:
            return self
        found = mesh.parts.read(self._name)
        value: _V = found.value if found is not None else mesh.parts.get(self._name, lambda: self._build(mesh))
        return value
