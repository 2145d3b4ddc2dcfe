"""Kubernetes events, in both API shapes."""

from datetime import datetime

from checks.facts.fact import KubernetesObject, Listed
from checks.model.raw_values import Raw, mapping, moment, number, text


class Event(KubernetesObject):
    """An event in either API shape (core/v1, or events.k8s.io/v1 with `regarding` and `note`)."""

    __slots__ = ()
    kind = "Event"
    origin = Listed("", "events")

    @property
    def object(self) -> Raw:
        return mapping(self.raw, "involvedObject") or mapping(self.raw, "regarding")

    @property
    def object_key(self) -> tuple[str, str, str]:
        """(kind, namespace, name) of the object that it reports on."""
        return (text(self.object, "kind"), text(self.object, "namespace"), text(self.object, "name"))

    @property
    def object_uid(self) -> str:
        return text(self.object, "uid")

    @property
    def type(self) -> str:
        return text(self.raw, "type")

    @property
    def reason(self) -> str:
        return text(self.raw, "reason")

    @property
    def message(self) -> str:
        return text(self.raw, "message") or text(self.raw, "note")

    @property
    def component(self) -> str:
        return (
            text(self.raw, "source", "component")
            or text(self.raw, "reportingComponent")
            or text(self.raw, "deprecatedSource", "component")
        )

    @property
    def count(self) -> int:
        for path in (("count",), ("series", "count"), ("deprecatedCount",)):
            if (found := number(self.raw, *path)) is not None:
                return found
        return 1

    @property
    def last(self) -> datetime | None:
        """The time of its last occurrence."""
        for path in (
            ("series", "lastObservedTime"),
            ("lastTimestamp",),
            ("deprecatedLastTimestamp",),
            ("eventTime",),
            ("firstTimestamp",),
            ("metadata", "creationTimestamp"),
        ):
            if (found := moment(self.raw, *path)) is not None:
                return found
        return None

    @property
    def first(self) -> datetime | None:
        for path in (
            ("firstTimestamp",),
            ("deprecatedFirstTimestamp",),
            ("eventTime",),
            ("metadata", "creationTimestamp"),
        ):
            if (found := moment(self.raw, *path)) is not None:
                return found
        return None
