"""Security groups decide by the first match.

The decision about a flow agrees with that about each of its packets.
"""

from ipaddress import IPv4Address, IPv4Network
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from checks.azure.flow_ends import INTERNET, FlowEnd, Match, networks_of
from checks.azure.security_rules import Flow, decide, free_priority, matches
from checks.facts.security_groups import NetworkSecurityGroup, SecurityRule

HERE = FlowEnd("10.0.0.0/29", networks=(IPv4Network("10.0.0.0/29"),))
THERE = FlowEnd("10.0.1.0/30", networks=(IPv4Network("10.0.1.0/30"),))
PORTS = range(6000, 6004)

NETWORKS = ("10.0.0.0/30", "10.0.0.4/30", "10.0.0.0/8", "10.0.1.2/31", "192.168.0.0/16")
PREFIXES = ("*", "0.0.0.0/0", "VirtualNetwork", "Internet", *NETWORKS)
RANGES = ("*", "6000", "6000-6001", "6002-6003", "6000-6999", "80")

rules = st.fixed_dictionaries(
    {
        "direction": st.just("Inbound"),
        "access": st.sampled_from(["Allow", "Deny"]),
        "protocol": st.sampled_from(["*", "Udp", "Tcp"]),
        "sourceaddressprefixes": st.lists(st.sampled_from(PREFIXES), min_size=1, max_size=2),
        "destinationaddressprefixes": st.lists(st.sampled_from(PREFIXES), min_size=1, max_size=2),
        "destinationportranges": st.lists(st.sampled_from(RANGES), min_size=1, max_size=2),
        "sourceportrange": st.just("*"),
    }
)


def group_of(found: list[dict[str, object]]) -> NetworkSecurityGroup:
    numbered = [{**each, "name": f"r{n}", "priority": 100 + n} for n, each in enumerate(found)]
    return NetworkSecurityGroup({"id": "/x/nsg", "name": "nsg", "securityrules": numbered})


def in_prefixes(address: IPv4Address, prefixes: tuple[str, ...]) -> bool:
    return any(
        each in ("*", "0.0.0.0/0", "VirtualNetwork") or any(address in net for net in networks_of([each]))
        for each in prefixes
    )


def in_ranges(port: int, ranges: tuple[str, ...]) -> bool:
    pairs = [(each.split("-")[0], each.split("-")[-1]) for each in ranges if each != "*"]
    return "*" in ranges or any(int(low) <= port <= int(high) for low, high in pairs)


def first_match(
    group: NetworkSecurityGroup, source: IPv4Address, destination: IPv4Address, port: int
) -> SecurityRule | None:
    """The rule that decides one packet, as Azure documents it."""
    for rule in group.rules:
        relevant = rule.protocol in ("*", "Udp") and in_ranges(port, rule.destination_ports)
        if relevant and in_prefixes(source, rule.sources) and in_prefixes(destination, rule.destinations):
            return rule
    return None


@given(st.lists(rules, max_size=5))
def test_every_packet_is_decided_like_its_flow_or_by_an_exception(found: list[dict[str, object]]) -> None:
    group = group_of(found)
    decision = decide(group, Flow("Inbound", "UDP", PORTS, HERE, THERE))
    exceptions = {each.name for each in decision.exceptions}
    for source, destination, port in product(HERE.networks[0], THERE.networks[0], PORTS):
        decided = first_match(group, source, destination, port)
        # Packets that no rule matches stay in the virtual network, which Azure's default rules allow.
        allowed = decided is None or decided.access == "Allow"
        assert allowed is decision.allowed or (decided is not None and decided.name in exceptions)


def rule(**fields: object) -> SecurityRule:
    return SecurityRule({"direction": "Outbound", "access": "Deny", "protocol": "*", **fields})


def test_private_ranges_and_tags_of_the_virtual_network_are_not_the_internet() -> None:
    flow = Flow("Outbound", "TCP", range(443, 444), HERE, INTERNET)
    for prefix in ("10.0.0.0/8", "172.20.0.0/16", "VirtualNetwork", "AzureLoadBalancer", "::/0"):
        assert matches(rule(destinationaddressprefix=prefix), flow) is Match.NONE, prefix
    for prefix in ("203.0.113.0/24", "Storage.WestEurope", "AzureCloud"):
        assert matches(rule(destinationaddressprefix=prefix), flow) is Match.PART, prefix
    for prefix in ("*", "Internet", "internet", "0.0.0.0/0"):
        assert matches(rule(destinationaddressprefix=prefix), flow) is Match.FULL, prefix


def test_a_rule_for_application_security_groups_or_source_ports_does_not_decide() -> None:
    flow = Flow("Outbound", "TCP", range(443, 444), HERE, INTERNET)
    asg = rule(destinationaddressprefix="*", sourceapplicationsecuritygroups=[{"id": "/x/asg"}])
    assert matches(asg, flow) is Match.PART
    assert matches(rule(destinationaddressprefix="*", sourceportrange="1024-2000"), flow) is Match.PART


def test_incomplete_and_invalid_rules_match_nothing() -> None:
    flow = Flow("Outbound", "TCP", range(443, 444), HERE, INTERNET)
    for ports in ("", "x-y", "443-", "-1", "4 43"):
        assert matches(rule(destinationportrange=ports, sourceaddressprefix="nonsense/99"), flow) is Match.NONE
    assert decide(NetworkSecurityGroup({"securityrules": None, "defaultsecurityrules": [None, 3]}), flow).allowed


def test_a_new_rule_gets_the_priority_before_the_rule_that_denies() -> None:
    group = group_of([{"direction": "Inbound", "access": "Deny"}] * 3)
    first, *_, last = group.rules
    assert free_priority(group, first) is None
    assert free_priority(group, last) is None
    late = SecurityRule({"direction": "Inbound", "access": "Deny", "priority": 4096})
    assert free_priority(group, late) == 4095
    assert free_priority(group, late, after=1) == 4094
