"""The parent of the pool's children loads what each of them needs."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from workers.tasks.process import load_before_fork
load_before_fork()
print("kubernetes" in sys.modules, "azure.mgmt.containerservice" in sys.modules)
"""


@pytest.mark.parametrize(
    ("cluster", "libraries"),
    [
        (
            "{name: live, subscription_id: 00000000-0000-0000-0000-000000000000, resource_group: rg, aks_name: aks}",
            True,
        ),
        ("{name: recorded, bundle: somewhere}", False),
    ],
)
def test_the_libraries_of_live_clusters_are_loaded_once_for_all_children(
    cluster: str, libraries: bool, tmp_path: Path
) -> None:
    config = tmp_path / "egress-diag.yaml"
    config.write_text(f"clusters:\n  - {cluster}\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"EGRESS_DIAG_CONFIG": str(config), "REDIS_URL": "redis://127.0.0.1:1/0", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == [str(libraries), str(libraries)]
