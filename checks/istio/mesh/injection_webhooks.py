"""The injection webhooks of the mesh, and the labels and annotations of injection."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from checks.facts.admission_webhooks import MutatingWebhookConfiguration
from checks.facts.label_selectors import selects
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts

INJECT = "sidecar.istio.io/inject"
REVISION = "istio.io/rev"
PLAIN = "istio-injection"
_TRAFFIC = "traffic.sidecar.istio.io/"
_EXCLUDED_PORTS, _EXCLUDED_RANGES = f"{_TRAFFIC}excludeOutboundPorts", f"{_TRAFFIC}excludeOutboundIPRanges"
_INCLUDED_RANGES = f"{_TRAFFIC}includeOutboundIPRanges"


@dataclass(frozen=True, slots=True)
class Injector:
    """A webhook configuration that injects sidecars, with the selectors of its webhooks."""

    configuration: str
    revision: str
    tag: str
    selectors: tuple[tuple[Mapping[str, object], Mapping[str, object]], ...]

    def matches(self, namespace: Mapping[str, str], pod: Mapping[str, str]) -> bool:
        """Whether it injects a sidecar into a new pod with these labels in such a namespace."""
        return any(selects(where, namespace) and selects(what, pod) for where, what in self.selectors)


def injectors(facts: Facts) -> tuple[Injector, ...]:
    """The injection webhooks of every revision and tag. Raises Unreadable."""
    found = []
    for each in facts.all(MutatingWebhookConfiguration):
        hooks = [hook for hook in each.webhooks if hook.name.endswith("sidecar-injector.istio.io")]
        if hooks:
            selectors = tuple((hook.namespace_selector, hook.object_selector) for hook in hooks)
            found.append(
                Injector(each.name, each.labels.get(REVISION, ""), each.labels.get("istio.io/tag", ""), selectors)
            )
    return tuple(found)


def would_inject(found: Iterable[Injector], namespace: Namespace, pod: Mapping[str, str]) -> bool:
    """Whether a new pod with these labels would get a sidecar in this namespace."""
    return any(each.matches(namespace.all_labels, pod) for each in found)


def declined_by(pod: Pod) -> str:
    """The label or annotation by which the pod declines injection, as `field=value`."""
    for where, values in (("labels", pod.labels), ("annotations", pod.annotations)):
        if values.get(INJECT, "").lower() == "false":
            return f"metadata.{where}[{INJECT}]"
    return ""


def excluded(pod: Pod, ports: Iterable[int]) -> Iterator[tuple[str, str, str]]:
    """The annotations that exclude these ports, or all addresses.

    Each is (annotation, value, excluded connections).
    """
    written = pod.annotations.get(_EXCLUDED_PORTS, "")
    listed = [port for port in sorted(ports) if str(port) in (each.strip() for each in written.split(","))]
    if listed:
        yield _EXCLUDED_PORTS, written, f"port {' and '.join(str(port) for port in listed)}"
    written = pod.annotations.get(_EXCLUDED_RANGES, "")
    if any(_is_everything(each) for each in written.split(",")):
        yield _EXCLUDED_RANGES, written, "every address"
    written = pod.annotations.get(_INCLUDED_RANGES, "")
    if written and not any(_is_everything(each) for each in written.split(",")):
        yield _INCLUDED_RANGES, written, f"addresses outside {written}"


def _is_everything(written: str) -> bool:
    if written.strip() == "*":
        return True
    try:
        return ip_network(written.strip(), strict=False).prefixlen == 0
    except ValueError:
        return False
