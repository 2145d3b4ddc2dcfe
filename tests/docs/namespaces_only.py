"""The section of docs/permissions.md about permissions in single namespaces.

`python -m tests.docs.namespaces_only` writes it.

The table is what a diagnosis of the healthy test cluster leaves unknown if it may read only these namespaces.
"""

import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from checks.catalogue import catalogue
from checks.docs.permission_tables import PARTS
from checks.model.findings import Report, Status
from tests.clusters.compose import Manifest, compose, named
from tests.recordings import diagnosed, question

PAGE = Path(__file__).parents[2] / "docs/permissions.md"
SECTION = re.compile(r"(?<=<!-- namespaces: written by make docs -->\n).*?(?=<!-- end of namespaces -->)", re.DOTALL)
NAMESPACES = ("aks-istio-system", "aks-static-egress-gateway", "team-egress")
"""The mesh, the static egress gateway, and the gateway of the test cluster."""

REASONS: dict[str, tuple[str, str]] = {
    "nodes": ("nodes", "a Role cannot grant it: nodes are in no namespace"),
    "webhooks": (
        "webhook configurations",
        "a Role cannot grant it; any webhook may refuse the gateway's pods or Istio's objects",
    ),
    "routes": (
        "Istio objects, Services and endpoints of other namespaces",
        "an object in any namespace can be exported to the proxies and change the route",
    ),
    "clients": ("pods and Sidecars of other namespaces", "clients of the gateway may run in any namespace"),
    "gateway API": (
        "Gateways of the Gateway API in other namespaces",
        "one of this gateway's name may be in any namespace",
    ),
    "static egress": (
        "static egress objects of other namespaces",
        "pods of any namespace may use the configuration, and the components may run elsewhere",
    ),
}
"""The objects that are not read, and why they matter, by the reason of CHECKS."""

CHECKS = {
    "EG204": "nodes",
    "EG205": "nodes",
    "EG305": "webhooks",
    "EG309": "nodes",
    "EG311": "nodes",
    "EG403": "routes",
    "EG408": "nodes",
    "EG410": "static egress",
    "EG412": "clients",
    "EG415": "nodes",
    **dict.fromkeys((f"EG{number}" for number in range(505, 514)), "routes"),
    "EG514": "clients",
    "EG516": "routes",
    "EG519": "gateway API",
    "EG520": "webhooks",
    "EG522": "routes",
    "EG523": "routes",
}
"""The checks that stay unknown, with the reason."""

IN_INCIDENTS = ("EG207", "EG515", "EG517")
"""The further checks that stay unknown in incidents of tests/incidents."""


def forbidden_outside(*namespaces: str) -> Manifest:
    """The recorded error of an identity that may read only these namespaces."""
    message = "forbidden: cannot list this at the cluster scope"
    return {"source": "kubernetes", "resource": "*", "status": 403, "message": message, "readable_in": [*namespaces]}


@cache
def restricted_report() -> Report:
    """The diagnosis of the healthy test cluster with permissions in NAMESPACES only."""
    cluster = compose(named("base"), {"errors": [forbidden_outside(*NAMESPACES)]})
    return diagnosed(cluster, question(cluster, "team-egress/egw")).finish(0.0)


def unknown_codes() -> set[str]:
    """The checks that this diagnosis leaves unknown."""
    return {each.code for each in restricted_report().of(Status.UNKNOWN)}


def section() -> str:
    """The generated section: the Role, and the table."""
    return f"```yaml\n{PARTS['namespaces'](catalogue())}\n```\n\n{''.join(_table())}"


def _table() -> Iterator[str]:
    unknown = unknown_codes()
    checks = catalogue()
    made = len(checks) - len(unknown)
    intro = f"{made} of {len(checks)} checks need no other namespace. The others stay not checked:"
    yield f"{textwrap.fill(intro, 130)}\n\n| not seen | why it matters | checks that stay not checked |\n| --- | --- | --- |\n"
    for reason, (what, why) in REASONS.items():
        named_checks = [each for each in checks if CHECKS.get(each.code) == reason and each.code in unknown]
        links = ", ".join(f"[{each.code}](catalogue.md#{each.code.lower()}-{each.slug})" for each in named_checks)
        yield f"| {what} | {why} | {links} |\n"
    slugs = {each.code: each.slug for each in checks}
    more = ", ".join(f"[{code}](catalogue.md#{code.lower()}-{slugs[code]})" for code in IN_INCIDENTS)
    yield f"\nThe table is that of a healthy gateway. With some faults, {more} also need other namespaces.\n"


if __name__ == "__main__":
    PAGE.write_text(SECTION.sub(lambda _: section(), PAGE.read_text()))
