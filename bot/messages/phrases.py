"""Marks and words of the messages."""

from datetime import UTC, datetime

from bot.messages.blocks import Escaped, raw
from checks.model.findings import Effect, Stage, Status, Verdict

MARKS = {
    Status.PASS: "✅",
    Status.WARN: "⚠️",
    Status.FAIL: "❌",
    Status.SKIPPED: "▫️",
    Status.UNKNOWN: "❔",
}
RUNNING = "⏳"

VERDICT_MARKS = {
    Verdict.HEALTHY: "✅",
    Verdict.DEGRADED: "⚠️",
    Verdict.BROKEN: "❌",
    Verdict.INCONCLUSIVE: "❔",
}

EFFECTS = {
    Effect.READS: "only reads",
    Effect.CHANGES: "changes the cluster",
    Effect.DISRUPTS: "cuts traffic while it runs",
}

HOPS = ("workload", "sidecar", "egress gateway", "static egress", "node pool", "internet")
"""The way of a request, as the parent message draws it."""

HOP_OF_STAGE = {
    Stage.PREREQUISITES: "egress gateway",
    Stage.NETWORK: "static egress",
    Stage.PROVISIONING: "egress gateway",
    Stage.STATIC_GATEWAY: "static egress",
    Stage.ISTIO: "sidecar",
}

HOP_OF_CHECK = {
    "static-egress-disabled": "static egress",
    "egress-range-blocked": "internet",
    "private-ip-mode-unmet": "node pool",
    "pod-network-setup-fails": "static egress",
    "static-egress-components-unhealthy": "static egress",
    "gateway-pool-missing": "node pool",
    "gateway-pool-unhealthy": "node pool",
    "own-prefix-unusable": "node pool",
    "source-address-wrong": "internet",
    "istiod-unhealthy": "egress gateway",
    "proxy-not-ready": "egress gateway",
    "proxy-configuration-rejected": "egress gateway",
    "access-log-off": "egress gateway",
    "gateway-selector-mismatch": "egress gateway",
    "gateway-server-unreachable": "egress gateway",
    "credential-secret-missing": "egress gateway",
    "authorization-denies": "egress gateway",
    "envoy-filter-present": "egress gateway",
    "gateway-api-unmanaged": "egress gateway",
    "istio-validation-down": "egress gateway",
    "workload-certificate-failing": "egress gateway",
    "application-sends-tls": "workload",
    "client-not-injected": "workload",
}
"""Checks whose hop is not their stage's."""


def hop(check: str, stage: Stage) -> str:
    """The hop of the path that a check is about."""
    return HOP_OF_CHECK.get(check, HOP_OF_STAGE[stage])


def local(moment: datetime, form: str = "{time}") -> Escaped:
    """A time that each reader sees in their own zone; UTC where Slack cannot (notifications)."""
    utc = moment.astimezone(UTC)
    return raw(f"<!date^{int(utc.timestamp())}^{form}|{utc:%H:%M} UTC>")


def span(seconds: float) -> str:
    """A duration in one or two parts: `8 s`, `3 min`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
