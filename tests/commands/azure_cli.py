"""az commands with the argument tables of a real azure-cli, in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from tests.clusters.bundles import Cluster

VERSION = "2.91.0"
PLACE = Path.home() / ".cache" / "egress-diag" / f"azure-cli-{VERSION}"
"""The environment that `make commands` creates."""
_TABLES = Path(__file__).parent / "azure_tables.py"
_SUBSCRIPTION = {
    "id": "00000000-0000-0000-0000-000000000000",
    "name": "test",
    "state": "Enabled",
    "isDefault": True,
    "tenantId": "00000000-0000-0000-0000-000000000000",
    "environmentName": "AzureCloud",
    "user": {"name": "someone", "type": "user"},
}
"""The account of the profile: some validators read its subscription. No token exists."""
_SETTINGS = "[core]\ncollect_telemetry = no\n[extension]\nuse_dynamic_install = no\n"
_DOCUMENTATION = {"192.0.2.": "20.81.2.", "198.51.100.": "20.81.100.", "203.0.113.": "20.81.113."}
"""Addresses for documentation (RFC 5737) that azure-cli refuses, with others."""


def refusals(calls: Sequence[tuple[Sequence[str], object]], place: Path, folder: Path) -> list[str]:
    """The reason why azure-cli refuses each call, "" for an accepted one.

    A call is its words without `az`, and the body that it reads, or None. Files that it reads are created in `folder`.
    """
    (folder / "azureProfile.json").write_text(json.dumps({"subscriptions": [_SUBSCRIPTION]}))
    (folder / "config").write_text(_SETTINGS)
    for words, _ in calls:
        for option, file in pairwise(words):
            if option == "--file":
                (folder / file).write_text("a file of the reader")
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "AZURE_CONFIG_DIR": str(folder),
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [str(place / "bin" / "python"), "-W", "ignore", str(_TABLES)],
        input=json.dumps([([_global(word) for word in words], body) for words, body in calls]),
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"azure-cli in {place} cannot be used: {done.stderr[-2000:]}")
    found: list[str] = json.loads(done.stdout)
    return found


def body_of(words: Sequence[str], cluster: Cluster) -> object:
    """The recorded REST body that a command about the cluster or its node pools reads."""
    if words[:2] == ("aks", "show"):
        return cluster.managed_cluster
    if words[:3] == ("aks", "nodepool", "list"):
        return list(cluster.agent_pools or ()) or None
    if words[:3] == ("aks", "nodepool", "show"):
        return next((each for each in cluster.agent_pools or () if each["name"] in words), None)
    return None


def _global(word: str) -> str:
    for reserved, public in _DOCUMENTATION.items():
        word = word.replace(reserved, public)
    return word or "value"  # the output of another command, which is not run here
