"""The configuration file, read and parsed.

Errors name file, key and expected value (docs/contract.md#configuration).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from checks.config.configuration import ClusterConfig, Config, SavedAzure
from checks.config.metrics_configuration import PrometheusMetrics, TokenFile
from checks.config.mistakes import mistakes
from checks.model.documents import BadDocument, Budget, parse_yaml

DEFAULT_PATHS = (Path("egress-diag.yaml"), Path("/etc/egress-diag/config.yaml"))
"""The default paths, used without `--config` and `$EGRESS_DIAG_CONFIG`."""

_MAX_VALUES = 200_000
"""The limit for one configuration file; a thousand clusters have about 10,000 values."""


class ConfigError(Exception):
    """The configuration is invalid; the text names the file, the key and the expected value."""


class NoConfiguration(ConfigError):
    """There is no configuration file: none was named or found, or the named one does not exist."""


def load(path: Path | None, fallback: Path | None = None, places: Sequence[Path] = DEFAULT_PATHS) -> Config:
    """Load the configuration from the first place that is given.

    The places are `path` (`--config`), `fallback` (the environment), and the first existing one of `places`. Raises
    ConfigError.
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
    if isinstance(cluster.metrics, PrometheusMetrics) and isinstance(cluster.metrics.auth, TokenFile):
        auth = TokenFile(token_file=rooted(cluster.metrics.auth.token_file))
        changes["metrics"] = PrometheusMetrics(prometheus=cluster.metrics.prometheus, auth=auth)
    return cluster.model_copy(update=changes)
