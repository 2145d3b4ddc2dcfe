"""The resources that a scheduler's message names."""

from checks.kubernetes.scheduling_fixes import lacking_resources


def test_the_last_resource_has_no_period() -> None:
    message = "0/7 nodes are available: 2 node(s) had untolerated taint(s), 3 Insufficient memory, 5 Insufficient cpu."
    assert lacking_resources(message) == ["cpu", "memory"]


def test_taints_alone_lack_no_resource() -> None:
    assert lacking_resources("0/2 nodes are available: 2 node(s) had untolerated taint(s).") == []
