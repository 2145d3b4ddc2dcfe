"""The version of the static egress gateway's operator, by the images of its DaemonSets.

AKS has v0.0.21 before Kubernetes 1.34, and v0.1.1 or newer from 1.34 on.

Source: docs/domain/components.md#static-egress-components.
"""

import re

from checks.facts.fact import Unreadable
from checks.facts.view import Facts
from checks.model.raw_values import text
from checks.static_egress.components import cni_manager, daemon

_TAG = re.compile(r":v?(\d+)\.(\d+)\.(\d+)")

OperatorVersion = tuple[int, int, int]


def operator_version(facts: Facts) -> OperatorVersion | None:
    """The older of the versions of both DaemonSets; None if neither shows one.

    Requires DaemonSet and Pod declared.
    """
    try:
        sets = [each.daemon_set for each in (cni_manager(facts), daemon(facts))]
    except Unreadable:
        return None
    images = [text(c, "image") for each in sets if each is not None for c in each.template_containers]
    found = [tuple(map(int, tag.groups())) for image in images if (tag := _TAG.search(image.rpartition("/")[2]))]
    return min(((a, b, c) for a, b, c in found), default=None)


def written_version(version: OperatorVersion) -> str:
    """The version as its image tags have it: `v0.1.8`."""
    return "v" + ".".join(map(str, version))
