"""Writes incidents as bundles: `python -m tests.incidents.build FOLDER [NAME…]`.

Each becomes `FOLDER/<name>/` with the bundle, a README with the story, and expect.yaml; `egress-diag diagnose --bundle`
reads them. Without names, all incidents are written; a name may be given as NAME=DIRECTORY. `--examples` writes
`examples/bundles/`, which the demo and the README use.
"""

import shutil
import sys
from pathlib import Path

from tests.clusters.bundles import dump_yaml, write_bundle
from tests.incidents.incidents import Incident, incidents

EXAMPLES = {
    "healthy": "001-healthy",
    "prefix-pending": "007-prefix-pending-two-minutes",
    "gateway-pool-missing": "011-wrong-pool-name",
    "selector-mismatch": "031-gateway-selector-typo",
}
"""The directories of `examples/bundles/` with their incidents."""

EXAMPLES_FOLDER = Path(__file__).parents[2] / "examples" / "bundles"


def build(incident: Incident, folder: Path) -> None:
    """Write one incident as a bundle directory."""
    write_bundle(incident.cluster, folder)
    (folder / "README").write_text(f"{incident.title}.\n\n{incident.story}\n", encoding="utf-8")
    (folder / "expect.yaml").write_text(dump_yaml(dict(incident.expect)), encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Write the incidents that the command line names."""
    if not arguments:
        sys.exit(__doc__)
    examples = arguments[0] == "--examples"
    folder = EXAMPLES_FOLDER if examples else Path(arguments[0])
    known = {incident.name: incident for incident in incidents()}
    wanted = dict(_pair(argument) for argument in arguments[1:]) or {name: name for name in known}
    if examples:
        wanted = {name: directory for directory, name in EXAMPLES.items()}
        shutil.rmtree(folder, ignore_errors=True)
    if missing := sorted(set(wanted) - set(known)):
        sys.exit(f"no incident {', '.join(missing)}")
    for name, directory in wanted.items():
        build(known[name], folder / directory)


def _pair(argument: str) -> tuple[str, str]:
    name, _, directory = argument.partition("=")
    return name, directory or name


if __name__ == "__main__":
    main(sys.argv[1:])
