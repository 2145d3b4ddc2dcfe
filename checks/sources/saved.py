"""Azure facts from files.

The output of `az aks show`, `az aks nodepool list` and `az resource show`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checks.config.configuration import SavedAzure
from checks.model.documents import BadDocument, Budget, parse_json
from checks.sources.recorded import Recording
from checks.sources.source import SourceError

_EPOCH = datetime.fromtimestamp(0, UTC)


def read_saved(saved: SavedAzure) -> Recording:
    """Read the files as a recording without Kubernetes objects. Raises SourceError."""
    cluster = _json(saved.managed_cluster)
    if not isinstance(cluster, Mapping):
        raise SourceError(f"{saved.managed_cluster}: not a JSON object; expected `az aks show -o json`")
    pools, resources = (
        None if path is None else _list(path, expected)
        for path, expected in (
            (saved.agent_pools, "`az aks nodepool list -o json`"),
            (saved.resources, "a JSON array of ARM resources, each with its id"),
        )
    )
    return Recording("", _EPOCH, (), managed_cluster=cluster, agent_pools=pools, resources=resources)


def rows(found: object) -> list[Mapping[str, Any]] | None:
    """The objects of a JSON array or of a REST list (`value`); None for anything else."""
    if isinstance(found, Mapping):
        found = found.get("value")
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        return None
    return found


def _list(path: Path, expected: str) -> list[Mapping[str, Any]]:
    found = rows(_json(path))
    if found is None:
        raise SourceError(f"{path}: not a list of JSON objects; expected {expected}")
    return found


def _json(path: Path) -> Any:
    try:
        return parse_json(path.read_bytes(), Budget())
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}; expected the output of `az … -o json`") from None
    except BadDocument as error:
        raise SourceError(f"{path}: {error}; expected the output of `az … -o json`") from None
