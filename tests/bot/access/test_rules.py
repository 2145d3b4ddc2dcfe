"""Access rules: the first match decides, no match denies, a refusal names the contact."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access.groups import EXPIRY_SECONDS, REFRESH_SECONDS, RETRY_SECONDS, Groups
from bot.access.home_permissions import HomePermissions
from bot.access.record_permissions import check_any_cluster
from bot.access.rules import (
    check_access,
    granting_rules,
    groups_needed,
    known_clusters,
    no_such_cluster,
    own_channels,
)
from bot.slack.web_api import Unreachable
from checks.config.access_rules import Requester, is_permitted, is_permitted_everywhere, is_permitted_somewhere
from checks.config.configuration import AccessRule, ClusterConfig, Config, Permission

CLUSTERS = tuple(ClusterConfig(name=name, bundle="/x") for name in ("prod-weu", "prod-neu", "dev"))


def rules(*found: AccessRule, ask: str = "#platform-team") -> Config:
    return Config(clusters=CLUSTERS, access=found, ask=ask)


ALICE = Requester("U0ALICE", "C0OPS", frozenset({"S0ONCALL"}))


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (AccessRule(allow=("diagnose",), users=("*",)), True),
        (AccessRule(allow=("diagnose",), users=("U0ALICE",)), True),
        (AccessRule(allow=("diagnose",), users=("S0ONCALL",)), True),
        (AccessRule(allow=("diagnose",), users=("U0BOB", "S0OTHER")), False),
        (AccessRule(allow=("handoff",), users=("*",)), False),
        (AccessRule(allow=("diagnose",), users=("*",), clusters=("prod-*",)), True),
        (AccessRule(allow=("diagnose",), users=("*",), clusters=("dev",)), False),
        (AccessRule(allow=("diagnose",), users=("*",), channels=("C0PAY",)), False),
        (AccessRule(allow=("diagnose",), users=("*",), gateways=("egress-*",)), True),
        (AccessRule(allow=("diagnose",), users=("*",), gateways=("shop-*",)), False),
    ],
)
def test_an_access_rule(rule: AccessRule, allowed: bool) -> None:
    assert check_access(rules(rule), ALICE, "diagnose", "prod-weu", "egress-payments").allowed is allowed


def test_without_a_rule_everything_is_denied() -> None:
    found = check_access(rules(), ALICE, "diagnose", "prod-weu", "egw")
    assert not found.allowed
    assert "#platform-team" in found.reason


def test_the_first_matching_rule_decides() -> None:
    no = AccessRule(allow=(), users=("U0ALICE",), clusters=("prod-*",))
    yes = AccessRule(allow=("diagnose",), users=("*",))
    assert not check_access(rules(no, yes), ALICE, "diagnose", "prod-weu", "egw").allowed
    assert check_access(rules(yes, no), ALICE, "diagnose", "prod-weu", "egw").allowed
    assert check_access(rules(no, yes), ALICE, "diagnose", "dev", "egw").allowed


def test_a_refusal_names_neither_a_hidden_cluster_nor_the_channels_of_others() -> None:
    """Before, it said that the cluster may be checked in another channel."""
    config = rules(AccessRule(allow=("diagnose",), users=("*",), channels=("C0PAY",)))
    for permission in get_args(Permission):
        reason = check_access(config, ALICE, permission, "prod-weu", "egw").reason
        assert reason == no_such_cluster(config, "prod-weu")
        assert "C0PAY" not in reason
    one = rules(AccessRule(allow=("diagnose",), users=("*",), clusters=("dev",)))
    reason = check_any_cluster(one, ALICE, "handoff").reason
    assert [each.name for each in one.clusters if each.name in reason] == []


def test_the_permission_for_a_step_is_enough_to_name_the_cluster() -> None:
    config = rules(AccessRule(allow=("probe",), users=("*",), clusters=("dev",)))
    assert known_clusters(config, ALICE) == ()
    assert known_clusters(config, ALICE, "probe") == ("dev",)


def test_the_clusters_that_a_user_may_see() -> None:
    config = rules(
        AccessRule(allow=("diagnose",), users=("S0ONCALL",), clusters=("prod-*",), channels=("C0OPS",)),
        AccessRule(allow=("diagnose",), users=("U0BOB",), clusters=("dev",)),
        AccessRule(allow=("diagnose",), users=("*",), clusters=("dev",), channels=("C0SECRET",)),
    )
    assert known_clusters(config, ALICE) == ("prod-weu", "prod-neu")
    assert known_clusters(config, Requester("U0ALICE", "C0PAY", ALICE.groups)) == ()
    assert own_channels(config, Requester("U0ALICE", "", ALICE.groups)) == {"C0OPS"}
    assert granting_rules(config, Requester("U0CAROL", "")) == config.access[2:]
    assert groups_needed(config) == {"S0ONCALL"}
    for user, groups, channels, seen in (
        ("U0ALICE", ALICE.groups, frozenset(), {"prod-weu", "prod-neu"}),
        ("U0BOB", (), frozenset(), {"dev"}),
        ("U0CAROL", (), frozenset(), set()),
        ("U0CAROL", (), frozenset({"C0SECRET"}), {"dev"}),
    ):
        assert set(HomePermissions(config, Requester(user, "", groups), channels).clusters()) == seen, user


def test_a_denial_for_one_gateway_denies_no_other_and_a_grant_for_one_grants_no_other() -> None:
    denied = (
        AccessRule(allow=(), users=("*",), gateways=("secret-*",)),
        AccessRule(allow=("diagnose",), users=("*",)),
    )
    granted = (AccessRule(allow=("diagnose",), users=("*",), gateways=("egress-a",)),)
    for found, somewhere, everywhere in (
        (denied, True, False),
        (granted, True, False),
        (denied[1:], True, True),
        ((), False, False),
    ):
        assert is_permitted_somewhere(found, ALICE, "diagnose", "prod-weu") is somewhere
        assert is_permitted_everywhere(found, ALICE, "diagnose", "prod-weu") is everywhere
    assert is_permitted(denied, ALICE, "diagnose", "prod-weu", "team/egress-a")
    assert not is_permitted(denied, ALICE, "diagnose", "prod-weu", "team/secret-b")
    assert not is_permitted(denied, ALICE, "diagnose", "prod-weu", "SECRET-b"), "a worker finds it regardless of case"
    assert not is_permitted(granted, ALICE, "diagnose", "prod-weu", "egress-b")


PATTERNS = st.lists(st.sampled_from(["*", "a*", "*b", "ab", "a?", "[ab]b", "b"]), min_size=1, max_size=2).map(tuple)
RULES = st.lists(
    st.builds(AccessRule, allow=st.sampled_from([(), ("diagnose",)]), users=st.just(("*",)), gateways=PATTERNS),
    max_size=4,
)
NAMES = ["a", "b", "c", "ab", "aa", "bb", "aab", "bab", "abc"]


@given(RULES)
def test_answers_about_a_cluster_agree_with_those_about_its_gateways(found: list[AccessRule]) -> None:
    """A grant for every gateway includes each one; a grant for one is a grant somewhere."""
    each = [is_permitted(found, ALICE, "diagnose", "prod-weu", name) for name in NAMES]
    if is_permitted_everywhere(found, ALICE, "diagnose", "prod-weu"):
        assert all(each)
    if any(each):
        assert is_permitted_somewhere(found, ALICE, "diagnose", "prod-weu")


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_cluster_name_with_pattern_characters_grants_nothing(user: str, channel: str) -> None:
    config = rules(AccessRule(allow=("diagnose",), users=("U0BOB",), channels=("C0OPS",)))
    assert check_access(config, Requester(user, channel), "diagnose", "prod-weu", "egw").allowed is (
        (user, channel) == ("U0BOB", "C0OPS")
    )


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Directory:
    """Slack's user groups; a read can be made to fail."""

    def __init__(self) -> None:
        self.lookups = 0
        self.answers = True
        self.members = frozenset({"U0ALICE"})

    def __call__(self, _group: str) -> frozenset[str]:
        self.lookups += 1
        if not self.answers:
            raise Unreachable("no_answer")
        return self.members


def test_group_members_are_cached_and_refreshed_in_the_background() -> None:
    clock, directory = Clock(), Directory()
    groups = Groups(directory, clock)
    assert groups.of("U0ALICE", ["S0ONCALL"]) == {"S0ONCALL"}
    assert groups.of("U0BOB", ["S0ONCALL"]) == frozenset()
    assert directory.lookups == 1
    clock.now += REFRESH_SECONDS + 1
    directory.members = frozenset({"U0BOB"})
    groups.of("U0BOB", ["S0ONCALL"])
    groups.close()
    assert directory.lookups == 2
    assert groups.of("U0BOB", ["S0ONCALL"]) == {"S0ONCALL"}


def test_cached_members_of_an_unreadable_group_count_for_an_hour() -> None:
    clock, directory = Clock(), Directory()
    groups = Groups(directory, clock)
    assert groups.of("U0ALICE", ["S0ONCALL"])
    directory.answers = False
    clock.now += EXPIRY_SECONDS - 1
    assert groups.of("U0ALICE", ["S0ONCALL"]) == {"S0ONCALL"}
    clock.now += RETRY_SECONDS + 2
    assert groups.of("U0ALICE", ["S0ONCALL"]) == frozenset()


def test_a_group_that_was_never_read_grants_nothing_and_is_not_read_at_every_press() -> None:
    clock, directory = Clock(), Directory()
    directory.answers = False
    groups = Groups(directory, clock)
    for _ in range(5):
        assert groups.of("U0ALICE", ["S0ONCALL"]) == frozenset()
    assert directory.lookups == 1
    clock.now += RETRY_SECONDS
    directory.answers = True
    assert groups.of("U0ALICE", ["S0ONCALL"]) == {"S0ONCALL"}
