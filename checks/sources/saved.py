"""Azure facts from files.

The output of `az aks show`, `az aks nodepool list` and `az resource show`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checks.config.configuration import SavedAzure
from checks.model.documents import BadDocument, Budget, parse_json
from checks.sources.recorded import Recording
from checks.sources.saved_answers import (
    CLUSTER_FILE,
    POOLS_FILE,
    RESOURCES_FILE,
    cluster_problem,
    pools_problem,
    resources_problem,
    rows,
)
from checks.sources.source import SourceError

_EPOCH = datetime.fromtimestamp(0, UTC)


def read_saved(saved: SavedAzure) -> Recording:
    """Read the files as a recording without Kubernetes objects. Raises SourceError."""
    cluster = _checked(saved.managed_cluster, cluster_problem, CLUSTER_FILE)
    pools = _rows(saved.agent_pools, pools_problem, POOLS_FILE)
    resources = _rows(saved.resources, resources_problem, RESOURCES_FILE)
    return Recording("", _EPOCH, (), managed_cluster=cluster, agent_pools=pools, resources=resources)


def _checked(path: Path, problem_of: Callable[[object], str], expected: str) -> Any:
    found = _json(path)
    if problem := problem_of(found):
        raise SourceError(f"{path}: {problem}; expected {expected}")
    return found


def _rows(path: Path | None, problem_of: Callable[[object], str], expected: str) -> list[Mapping[str, Any]] | None:
    return rows(_checked(path, problem_of, expected)) if path is not None else None


def _json(path: Path) -> Any:
    try:
        return parse_json(path.read_bytes(), Budget())
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}; expected the output of `az … -o json`") from None
    except BadDocument as error:
        raise SourceError(f"{path}: {error}; expected the output of `az … -o json`") from None
