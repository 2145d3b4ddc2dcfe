"""The configuration file: clusters, access, digests, retention.

Errors name file, key and expected value (docs/contract.md#configuration)."""

import difflib
import re
from collections.abc import Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from checks.config.mistakes import mistakes
from checks.model.documents import BadDocument, Budget, parse_yaml
from checks.model.question import ClusterIdentity
from checks.model.recurrence import Recurrence, recurrence

DEFAULT_PATHS = (Path("egress-diag.yaml"), Path("/etc/egress-diag/config.yaml"))
"""The default paths, used without `--config` and `$EGRESS_DIAG_CONFIG`."""

_MAX_VALUES = 200_000
"""The limit for one configuration file; a thousand clusters have about 10,000 values."""

SHORTEST_SWEEP = timedelta(minutes=5)

Permission = Literal["diagnose", "handoff", "digest", "probe", "restart"]

MAX_DURATION = timedelta(days=3650)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class ConfigError(Exception):
    """The configuration is invalid; the text names the file, the key and the expected value."""


class NoConfiguration(ConfigError):
    """There is no configuration file: none was named or found, or the named one does not exist."""


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


def duration(value: object) -> timedelta:
    """`30d`, `8h`, `90s`, `1h30m` as a timedelta. Raises ValueError for anything else."""
    if isinstance(value, timedelta):
        return value
    parts = re.findall(r"(\d+)([smhdw])", value) if isinstance(value, str) else []
    if not parts or "".join(f"{n}{u}" for n, u in parts) != value:
        raise ValueError("expected a duration such as 30d, 8h or 90s")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
    if seconds > MAX_DURATION.total_seconds():
        raise ValueError(f"expected a duration of at most {MAX_DURATION.days}d")
    return timedelta(seconds=seconds)


Duration = Annotated[timedelta, BeforeValidator(duration)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SavedAzure(_Strict):
    """Azure facts from files, as `az … -o json` writes them.

    The commands: `az aks show`, `az aks nodepool list` and `az resource show`.
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
    azure: Literal["live", "none"] | SavedAzure = "live"
    bundle: Path | None = None
    allow_client_certificate: bool = False
    """Use the cluster-admin certificate of a cluster without Entra integration.

    Otherwise it is refused.
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
        return ClusterIdentity(self.name, aks_name, self.resource_group, self.subscription_id)

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
    sweep_every: Duration = timedelta(hours=1)
    """The interval of the fleet check whose results digests and handoffs report.

    `0s` turns it off.
    """
    retention: Retention = Retention()
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

    def cluster(self, typed: str) -> ClusterConfig:
        """The cluster with this name or alias, ignoring case, or with a unique prefix of one.

        Raises UnknownCluster with the nearest names.
        """
        wanted = typed.strip().lower()
        for cluster in self.clusters:
            if wanted in (name.lower() for name in cluster.names):
                return cluster
        started = [c for c in self.clusters if wanted and any(n.lower().startswith(wanted) for n in c.names)]
        if len(started) == 1:
            return started[0]
        if started:
            raise UnknownCluster(typed, choices=[c.name for c in started])
        names = {name.lower(): c.name for c in self.clusters for name in c.names}
        near = difflib.get_close_matches(wanted, list(names), n=3, cutoff=0.6)
        raise UnknownCluster(typed, nearest=list(dict.fromkeys(names[each] for each in near)))


def load(path: Path | None, fallback: Path | None = None, places: Sequence[Path] = DEFAULT_PATHS) -> Config:
    """Load the configuration from the first place that is given.

    The places: `path` (`--config`), `fallback` (the environment), the first existing one of `places`.

    Raises ConfigError.
    """
    chosen = path or fallback or next((place for place in places if place.exists()), None)
    if chosen is None:
        defaults = ", ".join(str(place) for place in places)
        raise NoConfiguration(
            f"no configuration: use --config FILE, set EGRESS_DIAG_CONFIG, or create one of {defaults}"
        )
    return parse(_text(chosen), chosen)


def parse(written: str, path: Path) -> Config:
    """Parse the text of a configuration file; paths in it are relative to the file.

    Raises ConfigError.
    """
    try:
        documents = list(parse_yaml(written, Budget(_MAX_VALUES)))
    except BadDocument as error:
        raise ConfigError(f"{path}: {error}") from None
    if len(documents) > 1:
        raise ConfigError(f"{path}: {len(documents)} YAML documents; expected one")
    document = documents[0] if documents else {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: expected a mapping with the keys {', '.join(Config.model_fields)}")
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{path}: {each}" for each in mistakes(error, Config))) from None
    return config.model_copy(update={"clusters": tuple(_rooted(c, path.parent) for c in config.clusters)})


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NoConfiguration(f"{path}: cannot be read: {error.strerror}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}") from None


def _rooted(cluster: ClusterConfig, folder: Path) -> ClusterConfig:
    def rooted(path: Path) -> Path:
        return path if path.is_absolute() else folder / path

    changes: dict[str, Any] = {}
    if cluster.bundle is not None:
        changes["bundle"] = rooted(cluster.bundle)
    if cluster.kubeconfig not in (None, "in-cluster"):
        changes["kubeconfig"] = str(rooted(Path(str(cluster.kubeconfig)).expanduser()))
    if isinstance(cluster.azure, SavedAzure):
        saved = cluster.azure
        changes["azure"] = SavedAzure(
            managed_cluster=rooted(saved.managed_cluster),
            agent_pools=rooted(saved.agent_pools) if saved.agent_pools else None,
            resources=rooted(saved.resources) if saved.resources else None,
        )
    return cluster.model_copy(update=changes)
