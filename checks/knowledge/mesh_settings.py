"""Mesh settings that change egress traffic, for comparing two mesh revisions.

Source: docs/domain/istio.md#effective-configuration.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from checks.model.raw_values import at


@dataclass(frozen=True, slots=True)
class MeshSetting:
    """A field of MeshConfig, its default, and the effect of a difference between two revisions."""

    path: tuple[str, ...]
    default: object
    effect: str

    @property
    def name(self) -> str:
        """The path of the field: `outboundTrafficPolicy.mode`."""
        return ".".join(self.path)

    def value(self, raw: Mapping[str, Any]) -> object:
        """The value in this configuration, or the default."""
        found = at(raw, *self.path)
        return self.default if found is None else found


SETTINGS = (
    MeshSetting(("accessLogFile",), "", "the gateway writes an access log in one revision only"),
    MeshSetting(("accessLogFormat",), "", "the access log has another format"),
    MeshSetting(("accessLogEncoding",), "TEXT", "the access log has another format"),
    MeshSetting(("discoverySelectors",), [], "one istiod ignores namespaces that the other one discovers"),
    MeshSetting(("defaultServiceExportTo",), ["*"], "Services and ServiceEntries are visible to other namespaces"),
    MeshSetting(("defaultVirtualServiceExportTo",), ["*"], "VirtualServices are visible to other namespaces"),
    MeshSetting(("defaultDestinationRuleExportTo",), ["*"], "DestinationRules are visible to other namespaces"),
    MeshSetting(("defaultConfig", "proxyMetadata"), {}, "proxies start with other settings, such as DNS capture"),
)
"""Settings that are compared as written.

The outbound traffic policy is not among them: its empty block has a meaning.
"""

OUTBOUND_POLICY = "outboundTrafficPolicy.mode"
OUTBOUND_EFFECT = "one revision passes requests to unregistered hosts, the other one rejects them"
