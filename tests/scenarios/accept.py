"""Write `expect` from current findings: `python -m tests.scenarios.accept STAGE/FAULT`.

Comments at the top of the file are kept. Read the result as prose before you commit it.
"""

import sys

from checks.catalogue import catalogue
from tests.clusters.bundles import dump_yaml, read_yaml
from tests.scenarios.cases import cases_of, scenario_file


def accept(slug: str) -> None:
    """Rewrite the scenario file of one check."""
    check = next((c for c in catalogue() if c.slug == slug), None)
    if check is None:
        sys.exit(f"no check {slug}")
    path = scenario_file(check)
    document = read_yaml(path)
    for raw, case in zip(document["cases"], cases_of(check), strict=True):
        raw["expect"] = case.found
    head = "".join(line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.startswith("#"))
    path.write_text(head + dump_yaml(document), encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        accept(name.rpartition("/")[2].removesuffix(".yaml").replace("_", "-"))
