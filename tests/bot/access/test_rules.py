"""Access rules: the first match decides, no match denies, a refusal names the contact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.access.groups import EXPIRY_SECONDS, REFRESH_SECONDS, RETRY_SECONDS, Groups
from bot.access.rules import Requester, check_access, granting_rules, groups_needed, visible_anywhere, visible_clusters
from bot.slack.web_api import Unreachable
from checks.config.configuration import AccessRule, ClusterConfig, Config

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
    found = check_access(rules(), ALICE, "diagnose", "prod-weu")
    assert not found.allowed
    assert "#platform-team" in found.reason


def test_the_first_matching_rule_decides() -> None:
    no = AccessRule(allow=(), users=("U0ALICE",), clusters=("prod-*",))
    yes = AccessRule(allow=("diagnose",), users=("*",))
    assert not check_access(rules(no, yes), ALICE, "diagnose", "prod-weu").allowed
    assert check_access(rules(yes, no), ALICE, "diagnose", "prod-weu").allowed
    assert check_access(rules(no, yes), ALICE, "diagnose", "dev").allowed


def test_a_refusal_names_a_channel_where_it_is_allowed() -> None:
    found = check_access(
        rules(AccessRule(allow=("diagnose",), users=("*",), channels=("C0PAY",))), ALICE, "diagnose", "prod-weu"
    )
    assert "<#C0PAY>" in found.reason


def test_the_clusters_that_a_user_may_see() -> None:
    config = rules(
        AccessRule(allow=("diagnose",), users=("S0ONCALL",), clusters=("prod-*",), channels=("C0OPS",)),
        AccessRule(allow=("diagnose",), users=("U0BOB",), clusters=("dev",)),
    )
    assert visible_clusters(config, ALICE) == ("prod-weu", "prod-neu")
    assert visible_clusters(config, Requester("U0ALICE", "C0PAY", ALICE.groups)) == ()
    assert visible_anywhere(config, Requester("U0ALICE", "", ALICE.groups)) == {"prod-weu", "prod-neu"}
    assert visible_anywhere(config, Requester("U0BOB", "")) == {"dev"}
    assert granting_rules(config, Requester("U0CAROL", "")) == ()
    assert groups_needed(config) == {"S0ONCALL"}


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_cluster_name_with_pattern_characters_grants_nothing(user: str, channel: str) -> None:
    config = rules(AccessRule(allow=("diagnose",), users=("U0BOB",), channels=("C0OPS",)))
    assert check_access(config, Requester(user, channel), "diagnose", "prod-weu").allowed is (
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
