"""Admission webhook configurations."""

from functools import cached_property

from checks.facts.fact import KubernetesObject, Listed, derived
from checks.model.raw_values import Raw, items, mapping, text


class Webhook:
    """One webhook of a configuration."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw

    @cached_property
    def name(self) -> str:
        return text(self.raw, "name")

    @cached_property
    def failure_policy(self) -> str:
        return text(self.raw, "failurePolicy") or "Fail"

    @cached_property
    def rules(self) -> tuple[Raw, ...]:
        return items(self.raw, "rules")

    @cached_property
    def namespace_selector(self) -> Raw:
        return mapping(self.raw, "namespaceSelector")

    @cached_property
    def object_selector(self) -> Raw:
        return mapping(self.raw, "objectSelector")

    @cached_property
    def has_match_conditions(self) -> bool:
        return bool(items(self.raw, "matchConditions"))

    @cached_property
    def service(self) -> tuple[str, str] | None:
        """(namespace, name) of its backend Service; None if it is called by URL."""
        found = mapping(self.raw, "clientConfig", "service")
        return (text(found, "namespace"), text(found, "name")) if found else None


class WebhookConfiguration(KubernetesObject):
    __slots__ = ()

    @derived
    def webhooks(self) -> tuple[Webhook, ...]:
        return tuple(Webhook(each) for each in items(self.raw, "webhooks"))


class MutatingWebhookConfiguration(WebhookConfiguration):
    __slots__ = ()
    kind = "MutatingWebhookConfiguration"
    origin = Listed("admissionregistration.k8s.io", "mutatingwebhookconfigurations", namespaced=False)


class ValidatingWebhookConfiguration(WebhookConfiguration):
    __slots__ = ()
    kind = "ValidatingWebhookConfiguration"
    origin = Listed("admissionregistration.k8s.io", "validatingwebhookconfigurations", namespaced=False)
