"""Run every printed command: `python -m tests.commands --assets FOLDER`."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.commands.azure_cli import PLACE
from tests.commands.lane import run
from tests.helm.installed import DEFINITIONS


def main() -> int:
    """Print the summary.

    The exit code is 1 if a command is refused, 2 if a program or the definitions are missing.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.commands", description=__doc__)
    parser.add_argument("--assets", type=Path, required=True, help="folder with kubectl, kube-apiserver and etcd")
    parser.add_argument("--definitions", type=Path, default=DEFINITIONS, help="folder with CustomResourceDefinitions")
    parser.add_argument("--azure-cli", type=Path, default=PLACE, help="environment with azure-cli")
    parser.add_argument("--only", default="", help="a word in the names of incidents and cases")
    chosen = parser.parse_args()
    programs = (chosen.assets / "kubectl", chosen.assets / "kube-apiserver", chosen.azure_cli / "bin/python")
    for needed in (*programs, chosen.definitions):
        if not needed.exists():
            print(f"{needed} does not exist (CONTRIBUTING.md, A real API server)", file=sys.stderr)
            return 2
    if not any(chosen.definitions.glob("*.yaml")):
        print(f"{chosen.definitions} holds no definitions (CONTRIBUTING.md, A real API server)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="commands-") as folder:
        outcome = run(chosen.assets, chosen.definitions, chosen.azure_cli, Path(folder), chosen.only)
    print(*outcome.lines(), sep="\n")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
