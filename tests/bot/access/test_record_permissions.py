"""Commands, buttons and forms gain nothing for people without the right to a record.

`make presses` tries more of them: PRESSES is their number, SEED chooses them.
"""

from __future__ import annotations

import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from bot.fleet.fleet_forms import REMOVE_DIGEST
from bot.fleet.handoff_messages import TAKE_HANDOFF
from bot.listeners.active_steps import STEP_ACTIONS
from bot.listeners.buttons import BUTTON_ACTIONS, MENU_ACTIONS
from bot.messages.home import RELEASE_INCIDENT, TAKE_INCIDENT
from bot.messages.interaction_values import ChoiceValue, FindingValue, IncidentValue, StepFormMetadata, StepValue
from bot.messages.step_messages import CANCEL_STEP
from bot.sandbox import SandboxServer
from checks.actions.plan import ActionKind
from tests.bot.access.office import (
    FINDINGS,
    MUTED,
    OWNER,
    PLACES,
    RULES,
    SECRETS,
    TARGETS,
    Office,
    may,
    office,
    thread_of,
)
from workers.fleet.service import current_time

COUNT = int(os.environ.get("PRESSES", "150"))  # noqa: TID251 - a setting of the test alone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + COUNT)]

Attempt = tuple[str, Callable[[str, str], str]]
"""A description, and what a person in a channel does; it returns the body of the answer."""

BUTTONS = [(name, False) for name in (*BUTTON_ACTIONS, *STEP_ACTIONS)] + [
    (name, True) for name in (*MENU_ACTIONS, "wrong")
]
WORDS = ("again", "why", "stop", "watch 5m", "commands", "probe", "probe gateway", "restart")
COMMANDS = (
    *("{c} {g}", "{c} {g} --host x.example", "watch {c} {g} 5m", "history {c} {g}", "list {c}", "list", "digest list"),
    *("probe {c} {g}", "probe {c} {g} --from gateway", "restart {c} {g}"),
    *("mute {c} {g} {m} 7d because", "unmute {c} {g} {m}", "cancel", "digest now"),
    *("handoff 8h", "digest add", "{c} secret", "{c} e", "ban x", "{c}", "history {c} secret", "watch {c} SECRET-egw"),
)


@pytest.fixture
def built(redis_url: str, slack: SandboxServer, tmp_path: Path) -> Iterator[Office]:
    with office(slack, redis_url, tmp_path) as found:
        yield found


@dataclass
class Attempts:
    """Every way to reach a record: by its kind, its situation and an action."""

    made: Office
    found: list[Attempt] = field(default_factory=list)

    def add(self, what: str, do: Callable[..., str], *given: object, **named: object) -> None:
        self.found.append((what, lambda user, channel: do(*given, user=user, channel=channel, **named)))

    def all(self) -> list[Attempt]:
        self.presses()
        self.commands()
        self.threads_and_forms()
        return self.found

    def presses(self) -> None:
        made = self.made
        for (name, menu), record in itertools.product(BUTTONS, made.ids()):
            finding = FindingValue(run=record, finding="gateway-pool-missing").encode()
            step = StepValue(run=record, kind=ActionKind.RESTART).encode()
            for value in (record, finding, ChoiceValue(run=record, choice=0).encode(), step):
                self.add(f"{name} {value}", made.press, name, value, menu=menu)
        for name, record in itertools.product((REMOVE_DIGEST, TAKE_HANDOFF), made.ids()):
            self.add(f"{name} {record}", made.press, name, record)
        for name, action in itertools.product(("denied cluster", "denied gateway"), (TAKE_INCIDENT, RELEASE_INCIDENT)):
            target = TARGETS[name]
            gateway = f"{target.namespace}/{target.gateway}"
            value = IncidentValue(cluster=target.cluster, gateway=gateway).encode()
            self.add(f"{action} {name} {gateway}", made.press, action, value)
        self.add("home button", made.press, "home", "home")
        self.add("home", made.open_home)

    def commands(self) -> None:
        made = self.made
        for template, target in itertools.product(COMMANDS, TARGETS.values()):
            typed = template.format(c=target.cluster, g=f"{target.namespace}/{target.gateway}", m=MUTED)
            for text_ in (typed, typed.replace("secret", "SECRET")):
                self.add(text_, made.command, text_)
                self.add(f"suggestion {text_}", made.press, "suggestion", text_)
        for number, record in enumerate(made.schedules.values(), start=1):
            for which in (record, str(number)):
                self.add(f"digest remove {which}", made.command, f"digest remove {which}")

    def threads_and_forms(self) -> None:
        made = self.made
        for (name, channel), word in itertools.product(made.runs, WORDS):
            self.add(f"{word} in {name} {channel}", made.mention, word, thread_of(made, name, channel))
        for run in made.runs.values():
            self.add(f"wrong {run.id}", made.report_wrong, run.id)
        for (_, channel), step in made.steps.items():
            metadata = StepFormMetadata(channel=channel, action=step).encode()
            self.add(f"confirm {step}", made.submit, "step", {}, metadata=metadata)
        for target in TARGETS.values():
            values = {"cluster": target.cluster, "gateway": f"{target.namespace}/{target.gateway}"}
            self.add(f"form {target}", made.submit, "diagnose", values)
            self.add(f"suggest {target}", made.suggest, target.cluster)
        for patterns in ("*", "bank", "b*", "shared"):
            digest = {"clusters": patterns, "time": "23:00", "days": "daily", "zone": "UTC"}
            self.add(f"digest {patterns}", made.submit, "digest", digest)
        self.add("handoff", made.submit, "handoff", {"note": "x"})


def gained(
    made: Office, what: str, user: str, channel: str, before: dict[str, object], received: list[str]
) -> list[str]:
    """The gains of the person by an attempt; none if the rights of every record are checked."""
    found = [f"changed {key}" for key, value in made.state().items() if value != before[key]]
    found += [f"started {each}" for each in made.started() if not may(*each)]
    typed, text = what.lower(), "\n".join(received).lower()
    found += [f"learned {word!r}" for word in (*SECRETS, *FINDINGS) if word in text and word not in typed]
    found += [f"saw {word!r} at home" for word in SECRETS if word in made.home(user).lower()]
    return [f"{user} in {channel}, {what}: {each}" for each in found]


def test_no_one_without_the_right_gains_anything(built: Office) -> None:
    """A sample of all attempts without the right; `make presses` tries more."""
    made = built
    chosen = random.Random(int(os.environ.get("SEED", "7")))  # noqa: TID251 - a setting of the test alone
    every = [
        (what, attempt, user, channel)
        for what, attempt in Attempts(made).all()
        # Bob may use one gateway in C0OPS, and diagnose it in C0PAY, as Carol may; she may nothing in C0OPS.
        for user, channel in itertools.product(("U0BOB", "U0CAROL"), PLACES)
        if not permitted(made, what, user, channel)
    ]
    chosen.shuffle(every)
    problems: list[str] = []
    before = made.state()
    for what, attempt, user, channel in every[:COUNT]:
        known = Counter(made.received(user))
        body = attempt(user, channel)
        new = list((Counter(made.received(user)) - known).elements())
        problems += gained(made, what, user, channel, before, [*new, body])
        assert len(problems) < 10, problems
    assert problems == []
    print(f"{min(COUNT, len(every))} of {len(every)} attempts")


def permitted(made: Office, what: str, user: str, channel: str) -> bool:
    """Whether an attempt concerns what this person may use here: its effect is then no gain."""
    for (name, place), run in made.runs.items():
        target = TARGETS[name]
        mine = place == channel and may(user, channel, "diagnose", target.cluster, target.gateway)
        if mine and (run.id in what or what.endswith(f"in {name} {place}") or made.watches[name, place].id in what):
            return True
    if "history shared team-egress/egw" in what and may(user, channel, "diagnose", "shared", "egw"):
        return True
    return "mute shared team-egress/egw" in what and may(user, channel, "digest", "shared", "egw")


def test_the_attempts_of_the_owner_succeed(built: Office) -> None:
    """The control of the test above: what fails for others is possible."""
    made, channel = built, "C0OPS"
    run, before = made.runs["denied cluster", channel], made.state()
    made.press("open", FindingValue(run=run.id, finding="gateway-pool-missing").encode(), OWNER, channel)
    assert "gwpol" in made.received(OWNER)[-1]
    assert "secret-egw" in made.suggest("shared", OWNER, channel)
    made.open_home(OWNER, channel)
    made.talk.slack.wait_until(lambda: "secret-egw" in made.home(OWNER))
    made.press("unwatch", made.watches["denied gateway", channel].id, OWNER, channel)
    made.press("bundle", run.id, OWNER, channel, menu=True)
    made.press(REMOVE_DIGEST, made.schedules["bank", channel], OWNER, channel)
    made.press(TAKE_HANDOFF, made.handoffs[channel], OWNER, channel)
    made.report_wrong(run.id, OWNER, channel)
    made.press(CANCEL_STEP, made.steps["denied gateway", channel], OWNER, channel)
    step = made.steps["denied cluster", channel]
    confirmed = StepFormMetadata(channel=channel, action=step).encode()
    assert made.submit("step", {}, OWNER, channel, metadata=confirmed) == ""
    assert made.state()["steps"] != before["steps"]
    made.command(f"unmute bank team-egress/egw {MUTED}", OWNER, channel)
    changed = {key for key, value in made.state().items() if value != before[key]}
    assert changed == {"watches", "files", "schedules", "handoffs", "remarks", "mutes", "steps"}


def test_what_is_posted_for_a_person_contains_only_their_gateways(built: Office) -> None:
    """A digest, a handoff and a list of Bob, in a channel where he may not see every gateway."""
    made = built
    before = len(made.talk.slack.messages("C0OPS"))
    made.command("digest now", "U0BOB", "C0OPS")
    made.submit("handoff", {"note": "x"}, "U0BOB", "C0OPS")
    fleet = made.client.stores.fleet
    for minutes in (0, 11):
        fleet.tick(made.talk.config, current_time() + timedelta(minutes=minutes), lambda _: False)
    made.talk.play()
    posted = [m.shown + m.text for m in made.talk.slack.messages("C0OPS")[before:]]
    assert any("Handoff" in each for each in posted), posted
    assert any("requested by" in each for each in posted), posted
    for each in posted:
        assert "team-egress/egw" in each
        assert "bank" not in each
        assert not any(word in each for word in ("secret-egw", "C0PAY")), each


def test_a_right_for_one_cluster_or_gateway_is_none_for_another(built: Office) -> None:
    """Bob has all rights for `shared`, except its gateways `secret-*`, and none for `bank`."""
    made, channel = built, "C0OPS"
    before = made.state()
    assert made.command("list shared", "U0BOB", channel) == "", "a denial for one gateway does not deny the cluster"
    listing = next(each for each in made.client.stores.redis.keys("*listing:*") if each)
    assert "U0BOB" in str(made.client.stores.redis.get(listing))
    made.open_home("U0BOB", channel)
    made.talk.slack.wait_until(lambda: "team-egress/egw" in made.home("U0BOB"))
    assert "secret-egw" not in made.home("U0BOB")
    assert "bank" not in made.home("U0BOB")
    made.press(REMOVE_DIGEST, made.schedules["shared", channel], "U0BOB", channel)
    assert made.state() == before, "the digest contains gateways that Bob may not see"


def test_a_right_for_one_cluster_removes_no_digest_and_takes_over_no_problem_of_another(
    slack: SandboxServer, redis_url: str, tmp_path: Path
) -> None:
    rules = RULES.replace("  - {allow: [], users: ['*'], gateways: ['secret-*']}\n", "")
    with office(slack, redis_url, tmp_path, rules) as made:
        before, channel = made.state(), "C0OPS"
        made.press(REMOVE_DIGEST, made.schedules["bank", channel], "U0BOB", channel)
        made.press(TAKE_HANDOFF, made.handoffs[channel], "U0BOB", channel)
        assert made.state() == before
        made.press(REMOVE_DIGEST, made.schedules["shared", channel], "U0BOB", channel)
        changed = {key for key, value in made.state().items() if value != before[key]}
        assert changed == {"schedules"}, "Bob may remove a digest if he may see everything in it"
