"""The configuration as values: clusters, access, digests, alerts, retention.

Source: docs/contract.md#configuration.
"""

import difflib
from collections.abc import Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from checks.config.alert_configuration import AlertConfig
from checks.config.duration import Duration
from checks.config.metrics_configuration import PrometheusMetrics
from checks.config.probe_configuration import ProbeConfig
from checks.model.question import ClusterIdentity
from checks.model.recurrence import Recurrence, recurrence

SHORTEST_SWEEP = timedelta(minutes=5)

Permission = Literal["diagnose", "handoff", "digest", "probe", "restart"]


class UnknownCluster(Exception):
    """No cluster has this name.

    `nearest`: similar names; `choices`: clusters that the typed prefix matches.
    """

    def __init__(self, name: str, nearest: Sequence[str] = (), choices: Sequence[str] = ()) -> None:
        self.name = name
        self.nearest = tuple(nearest)
        self.choices = tuple(choices)
        if choices:
            hint = f"it matches several: {', '.join(choices)}"
        elif nearest:
            hint = f"did you mean {' or '.join(nearest)}?"
        else:
            hint = "the configuration has no similar name"
        super().__init__(f'no cluster "{name}": {hint}')


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SavedAzure(_Strict):
    """Azure facts from files, as `az … -o json` writes them.

    The commands are `az aks show`, `az aks nodepool list` and `az resource show`.
    """

    managed_cluster: Path
    agent_pools: Path | None = None
    resources: Path | None = None


class ClusterConfig(_Strict):
    """One cluster: its names, and how to connect to it."""

    name: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    subscription_id: str = ""
    resource_group: str = ""
    aks_name: str = ""
    kubeconfig: str | None = None
    """A path, or `in-cluster`. Without it, the credentials come from Azure."""
    context: str | None = None
    kubectl_context: str | None = None
    """The context of printed kubectl commands, if it is not the cluster's name in Azure."""
    azure: Literal["live", "none"] | SavedAzure = "live"
    metrics: Literal["none", "pods"] | PrometheusMetrics = "none"
    """The source of the proxies' counters: none, the pods themselves, or a Prometheus."""
    bundle: Path | None = None
    namespaces: tuple[str, ...] = ()
    """Namespaces that are read one by one if the identity may not read the whole cluster."""
    allow_client_certificate: bool = False
    """Use the cluster-admin certificate of a cluster without Entra integration.

    Unless this is set, such a certificate is refused.
    """

    @model_validator(mode="after")
    def _reachable(self) -> "ClusterConfig":
        if self.bundle is not None:
            return self
        if (self.azure == "live" or self.kubeconfig is None) and not (self.subscription_id and self.resource_group):
            raise ValueError(
                "expected subscription_id and resource_group to read this cluster through Azure, or a kubeconfig with "
                "azure: none or saved files, or a bundle"
            )
        return self

    @property
    def azure_name(self) -> str:
        """The cluster's name in Azure."""
        return self.aks_name or self.name

    @property
    def identity(self) -> ClusterIdentity:
        """The cluster's names for commands.

        Without a subscription, the name in Azure only if it is configured.
        """
        aks_name = self.azure_name if self.subscription_id else self.aks_name
        return ClusterIdentity(self.name, aks_name, self.resource_group, self.subscription_id, self.printed_context)

    @property
    def printed_context(self) -> str:
        """The kubectl context that printed commands name (docs/contract.md#kubectl-context).

        "" for a bundle whose entry names none: then the bundle does.
        """
        configured = self.context or self.kubectl_context or self.aks_name
        return configured or ("" if self.bundle is not None else self.name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a command accepts."""
        return (self.name, *self.aliases)


class AccessRule(_Strict):
    """The permissions of users for clusters, channels and gateways.

    The first matching rule applies.
    """

    allow: tuple[Permission, ...]
    users: tuple[str, ...]
    clusters: tuple[str, ...] = ("*",)
    channels: tuple[str, ...] = ("*",)
    gateways: tuple[str, ...] = ("*",)
    """Patterns of gateway names, without the namespace."""

    @field_validator("gateways")
    @classmethod
    def _without_namespace(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse patterns of NAMESPACE/NAME.

        They would match no gateway, so that a denial would deny nothing.
        """
        for pattern in patterns:
            if "/" in pattern:
                name = pattern.rpartition("/")[2]
                raise ValueError(
                    f"{pattern}: expected a pattern of the gateway's name without its namespace, such as {name}"
                )
        return patterns


class DigestConfig(_Strict):
    """A digest that is configured in the file: its channel, clusters and times."""

    channel: str = Field(min_length=1)
    """The ID of the channel, C…"""
    clusters: tuple[str, ...] = ("*",)
    time: str | int | tuple[str | int, ...]
    """`"09:00"`, or several."""
    days: str | tuple[str, ...] = "daily"
    """`mon-fri`, `[mon, thu]`, `daily`, `weekdays`."""
    zone: str = "UTC"
    show: Literal["changes", "full"] = "changes"

    @model_validator(mode="after")
    def _occurs(self) -> "DigestConfig":
        self.recurrence  # noqa: B018 - raises if it is invalid
        return self

    @property
    def recurrence(self) -> Recurrence:
        """The times at which it is due."""
        return recurrence(self.time, self.days, self.zone)


class Retention(_Strict):
    """How long runs and their evidence are kept."""

    runs: Duration = timedelta(days=30)
    evidence: Duration = timedelta(days=7)


class Config(_Strict):
    """The whole configuration."""

    clusters: tuple[ClusterConfig, ...] = ()
    access: tuple[AccessRule, ...] = ()
    digests: tuple[DigestConfig, ...] = ()
    alerts: tuple[AlertConfig, ...] = ()
    """The alerts that start a check; the first entry that matches decides."""
    sweep_every: Duration = timedelta(hours=1)
    """The interval of the fleet check whose results digests and handoffs report.

    `0s` turns it off.
    """
    retention: Retention = Retention()
    probe: ProbeConfig | None = None
    """The settings of the active steps; without them the steps are off."""
    ask: str = ""
    """The contact that a refusal names, for example `#platform-team`."""

    @model_validator(mode="after")
    def _unambiguous(self) -> "Config":
        seen: dict[str, str] = {}
        for cluster in self.clusters:
            for name in cluster.names:
                if (other := seen.setdefault(name.lower(), cluster.name)) != cluster.name:
                    raise ValueError(f'clusters: {other} and {cluster.name} both have the name "{name}"')
        names = [cluster.name.lower() for cluster in self.clusters]
        if doubled := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f'clusters: "{doubled}" occurs twice')
        for number, rule in enumerate(self.access):
            for pattern in rule.clusters:
                if self.clusters and not any(fnmatchcase(c.name, pattern) for c in self.clusters):
                    raise ValueError(f'access.{number}.clusters: "{pattern}" matches no cluster of this file')
        self._check_digests()
        self._check_alerts()
        return self

    def _check_digests(self) -> None:
        seen: set[tuple[str, str]] = set()
        for number, digest in enumerate(self.digests):
            for pattern in digest.clusters:
                if not any(fnmatchcase(c.name, pattern) for c in self.clusters):
                    raise ValueError(f'digests.{number}.clusters: "{pattern}" matches no cluster of this file')
            when = (digest.channel, str(digest.recurrence))
            if when in seen:
                raise ValueError(f"digests.{number}: {digest.channel} already has a digest {digest.recurrence}")
            seen.add(when)
        if timedelta(0) < self.sweep_every < SHORTEST_SWEEP:
            raise ValueError("sweep_every: expected at least 5m, or 0s to turn it off")

    def _check_alerts(self) -> None:
        for number, alert in enumerate(self.alerts):
            if alert.fixed_cluster and self.named_exactly(alert.fixed_cluster) is None:
                raise ValueError(f'alerts.{number}.cluster: "{alert.fixed_cluster}" is no cluster of this file')

    def named_exactly(self, name: str) -> ClusterConfig | None:
        """The cluster with this name or alias, ignoring case.

        A prefix does not count: programs give full names.
        """
        wanted = name.strip().lower()
        return next((c for c in self.clusters if wanted in (each.lower() for each in c.names)), None)

    def cluster(self, typed: str) -> ClusterConfig:
        """The cluster with this name or alias, ignoring case, or with a unique prefix of one.

        Raises UnknownCluster with the nearest names.
        """
        wanted = typed.strip().lower()
        if (named := self.named_exactly(typed)) is not None:
            return named
        started = [c for c in self.clusters if wanted and any(n.lower().startswith(wanted) for n in c.names)]
        if len(started) == 1:
            return started[0]
        if started:
            raise UnknownCluster(typed, choices=[c.name for c in started])
        names = {name.lower(): c.name for c in self.clusters for name in c.names}
        near = difflib.get_close_matches(wanted, list(names), n=3, cutoff=0.6)
        raise UnknownCluster(typed, nearest=list(dict.fromkeys(names[each] for each in near)))

    def matching(self, typed: str) -> list[ClusterConfig]:
        """The clusters whose name or alias matches a pattern such as `prod-*`.

        A name without `*` and `?` is read as by `cluster`. Raises UnknownCluster.
        """
        if not any(mark in typed for mark in "*?"):
            return [self.cluster(typed)]
        pattern = typed.strip().lower()
        found = [c for c in self.clusters if any(fnmatchcase(name.lower(), pattern) for name in c.names)]
        if not found:
            raise UnknownCluster(typed, nearest=[])
        return found
