"""Kubernetes events, in both API shapes."""

from datetime import datetime

from checks.facts.fact import KubernetesObject, Listed, derived
from checks.model.raw_values import Raw, mapping, moment, number, text


class Event(KubernetesObject):
    """An event in either API shape (core/v1, or events.k8s.io/v1 with `regarding` and `note`)."""

    __slots__ = ()
    kind = "Event"
    origin = Listed("", "events")

    @derived
    def object(self) -> Raw:
        return mapping(self.raw, "involvedObject") or mapping(self.raw, "regarding")

    @derived
    def object_key(self) -> tuple[str, str, str]:
        """(kind, namespace, name) of the object that it reports on."""
        return (text(self.object, "kind"), text(self.object, "namespace"), text(self.object, "name"))

    @derived
    def object_uid(self) -> str:
        return text(self.object, "uid")

    @derived
    def type(self) -> str:
        return text(self.raw, "type")

    @derived
    def reason(self) -> str:
        return text(self.raw, "reason")

    @derived
    def message(self) -> str:
        return text(self.raw, "message") or text(self.raw, "note")

    @derived
    def component(self) -> str:
        return (
            text(self.raw, "source", "component")
            or text(self.raw, "reportingComponent")
            or text(self.raw, "deprecatedSource", "component")
        )

    @derived
    def count(self) -> int:
        for path in (("count",), ("series", "count"), ("deprecatedCount",)):
            if (found := number(self.raw, *path)) is not None:
                return found
        return 1

    @derived
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

    @derived
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
