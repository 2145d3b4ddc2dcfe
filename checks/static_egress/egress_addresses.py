"""Which gateway nodes may have lost their egress address.

Source: kube-egress-gateway pull request 1381; docs/domain/operator-messages.md#ipconfig-stripped.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from checks.facts.network_interfaces import MachineInterface, NetworkInterface
from checks.facts.nodes import Node
from checks.facts.static_egress import GatewayVMConfiguration
from checks.facts.view import Facts
from checks.model.findings import Evidence
from checks.static_egress.operator_version import operator_version, written_version

RESTORING = (0, 1, 8)
"""The operator that restores a lost address every five minutes."""

RESTORING_KUBERNETES = (1, 34)
"""The Kubernetes version from which on AKS installs operators newer than v0.1.

Source: docs/domain/components.md#static-egress-components.
"""

_IMAGE_DATE = re.compile(r"-(\d{4})(\d{2})\.(\d{1,2})\.")


def interfaces_by_machine(facts: Facts) -> Mapping[str, Sequence[NetworkInterface]]:
    """The readable network interfaces of gateway nodes by the id of their machine."""
    found: dict[str, list[NetworkInterface]] = {}
    for each in facts.readable(NetworkInterface):
        found.setdefault(each.machine, []).append(each)
    return found


def private_addresses(interfaces: Sequence[NetworkInterface | MachineInterface]) -> list[str]:
    """The private addresses of all their ipConfigurations."""
    return [address for each in interfaces for address in each.addresses if address]


def restores_addresses(facts: Facts) -> bool | None:
    """Whether the operator restores lost addresses; None if its version is not known."""
    version = operator_version(facts)
    return None if version is None else version >= RESTORING


def old_operator(facts: Facts) -> Iterator[Evidence]:
    """The evidence of an operator that does not restore them."""
    version = operator_version(facts)
    if version is not None and version < RESTORING:
        image = "the image tags of its DaemonSets"
        yield Evidence("static egress operator", image, written_version(version), written_version(RESTORING))


def newer_images(machines: GatewayVMConfiguration, nodes: Sequence[Node]) -> list[Node]:
    """The nodes whose image was released after the last change of the configured addresses."""
    configured = machines.status_changed
    return [n for n in nodes if (at := _image_date(n)) is not None and configured is not None and at > configured]


def _image_date(node: Node) -> datetime | None:
    """The date of the node image, which its version contains."""
    found = _IMAGE_DATE.search(node.image_version)
    try:
        return datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC) if found else None
    except ValueError:
        return None
