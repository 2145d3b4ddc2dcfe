"""The mesh settings that change what happens to traffic on its way out, for comparing two revisions (domain.md 5.2, 6.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from checks.model.raw_values import at


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of MeshConfig, what stands for it where it is not set, and what a difference does."""

    path: tuple[str, ...]
    default: object
    effect: str

    @property
    def name(self) -> str:
        """The field as it is written: `outboundTrafficPolicy.mode`."""
        return ".".join(self.path)

    def value(self, raw: Mapping[str, Any]) -> object:
        """What this configuration says, or the default."""
        found = at(raw, *self.path)
        return self.default if found is None else found


SETTINGS = (
    Setting(("accessLogFile",), "", "the gateway writes its access log in one revision only"),
    Setting(("accessLogFormat",), "", "the access log looks different"),
    Setting(("accessLogEncoding",), "TEXT", "the access log looks different"),
    Setting(("discoverySelectors",), [], "one control plane does not look at namespaces that the other looks at"),
    Setting(("defaultServiceExportTo",), ["*"], "services and ServiceEntries are visible in other namespaces"),
    Setting(("defaultVirtualServiceExportTo",), ["*"], "VirtualServices apply in other namespaces"),
    Setting(("defaultDestinationRuleExportTo",), ["*"], "DestinationRules apply in other namespaces"),
    Setting(("defaultConfig", "proxyMetadata"), {}, "proxies are started with other switches, such as DNS capture"),
)
"""Settings that are compared as written; the outbound policy, whose empty block has a meaning, is compared apart."""

OUTBOUND_POLICY = "outboundTrafficPolicy.mode"
OUTBOUND_EFFECT = "unregistered hosts are let out by one revision and refused by the other"
