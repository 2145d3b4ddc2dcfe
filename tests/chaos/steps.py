"""`make chaos-steps`: kills during probes and restarts that people request in Slack.

`python -m tests.chaos.steps --kills 100` lets three people request, confirm and follow a probe from a pod, a probe from a
gateway pod and a restart at the same time, again and again, while the action worker, the courier, the listener and the beat
are killed (SIGKILL) at random moments and started again. `--minutes 30` ends the run after that time. It prints a line for
each round, and at the end the numbers of left-over objects, doubled actions and silent threads. The exit code is 1 if one
of them is not 0.

- left over: Jobs in the cluster a minute after the last step has ended.
- doubled: objects that were created twice, Deployments that were restarted twice for one step, and steps with two messages.
- silent: steps whose message in Slack does not show their end, and requests that were accepted without any answer.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.sandbox import RateLimits, SandboxServer, StoredMessage
from bot.sandbox.user_actions import NoSuchElement
from checks.actions.plan import ActionKind
from checks.config.configuration_file import load
from tests.bot.step_stories import READY, write_step_config
from tests.clusters.compose import compose, named
from tests.loopback.active import ActiveKubeServer, Kubelet
from tests.redis_server import RedisServer
from tests.system import System, document
from workers.client import ConnectedClient, connect
from workers.queue.settings import WorkerSettings
from workers.records.action import ActionRecord, ActionState
from workers.records.run import Run

KILLED = ("actions", "courier", "listener", "beat")
GATEWAY = "prod-weu team-egress/egw"
PEOPLE = {
    "U0ALICE": (ActionKind.PROBE_POD, f"/egress-diag probe {GATEWAY}"),
    "U0BOB": (ActionKind.PROBE_GATEWAY, f"/egress-diag probe {GATEWAY} --from gateway"),
    "U0CAROL": (ActionKind.RESTART, f"/egress-diag restart {GATEWAY}"),
}
ENDED_WITHIN = 240.0
"""Seconds within which a step must end and its message must show it."""
ANSWERED_WITHIN = 30.0
"""Seconds within which an acknowledged command must make a step or an answer."""


@dataclass
class Tally:
    """The kills of a run, and how its steps ended."""

    kills: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    silent: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


class StepInstallation:
    """A running installation over a cluster that accepts active steps."""

    def __init__(
        self, system: System, slack: SandboxServer, cluster: ActiveKubeServer, client: ConnectedClient
    ) -> None:
        self.system = system
        self.slack = slack
        self.cluster = cluster
        self.client = client

    def actions(self) -> list[ActionRecord]:
        """Every step that was ever accepted."""
        redis = self.client.stores.redis
        prefix = WorkerSettings().prefix
        names = {str(key).removeprefix(f"{prefix}action:") for key in redis.scan_iter(f"{prefix}action:*", count=5000)}
        found = (self.client.get(ActionRecord, name) for name in sorted(names) if ":" not in name)
        return [each for each in found if each is not None]

    def messages(self, action_id: str) -> list[StoredMessage]:
        """The messages of a step, as they are now."""
        found = [m for m in self.slack.workspace.all_messages() if document(m) == f"action/{action_id}"]
        return [self.slack.latest(each) or each for each in found if each.only_for is None]

    def shows_end(self, action: ActionRecord) -> bool:
        """Whether the message of an ended step shows its end: it has no buttons any more."""
        found = self.messages(action.id)
        summary = action.result.summary if action.result is not None else action.problem
        return len(found) >= 1 and not found[0].buttons and summary[:40] in found[0].shown.replace("\u2060", "")


@contextmanager
def step_installation(folder: Path) -> Iterator[StepInstallation]:
    """Every process of an installation, with its logs in the folder."""
    with ExitStack() as stack:
        redis = RedisServer(folder, durable=True)
        redis.start()
        stack.callback(redis.kill)
        slack = stack.enter_context(SandboxServer(limits=RateLimits.off()))
        cluster = stack.enter_context(
            ActiveKubeServer(compose(named("base"), {"change": [READY]}), Kubelet(seconds=1.5))
        )
        rules = [{"allow": ["diagnose", "probe", "restart"], "users": ["*"], "channels": ["*"]}]
        config = write_step_config(folder, cluster, rules=rules)
        system = System(folder, redis, slack, config)
        system.start("actions")
        stack.enter_context(system)
        client = connect(WorkerSettings(REDIS_URL=redis.url), load(config), retry=True)
        stack.callback(client.close)
        yield StepInstallation(system, slack, cluster, client)


class Step:
    """One person who requests a step, confirms it and waits for its end."""

    def __init__(self, found: StepInstallation, user: str, tally: Tally) -> None:
        self._found = found
        self._user = user
        self._kind, self._command = PEOPLE[user]
        self._tally = tally

    def run(self) -> None:
        """Request one step, confirm it, and wait for its end."""
        deadline = time.monotonic() + ENDED_WITHIN
        action = self._requested(deadline)
        if action is None:
            self._tally.silent.append(f"{self._kind.value}: no command was accepted")
            return
        self._tally.ids.append(action.id)
        while time.monotonic() < deadline:
            action = self._found.client.get(ActionRecord, action.id) or action
            if action.state is ActionState.PLANNED:
                self._confirm(action)
            elif action.state.ended and self._found.shows_end(action) and self._is_followed(action):
                outcome = action.result.outcome.value if action.result is not None else action.state.value
                self._tally.steps[f"{self._kind.value} {outcome}"] += 1
                return
            time.sleep(0.2)
        self._tally.silent.append(f"{self._kind.value} {action.id}: {action.state.value} {action.problem}")

    def _requested(self, deadline: float) -> ActionRecord | None:
        while time.monotonic() < deadline:
            answers = len(self._found.slack.ephemerals(user=self._user))
            # A command that was not acknowledged in time may be accepted all the same: its message shows it.
            acknowledged = self._found.slack.say(self._command, user=self._user).ok
            until = time.monotonic() + (ANSWERED_WITHIN if acknowledged else 2)
            while time.monotonic() < until:
                if accepted := self._accepted():
                    return accepted
                if len(self._found.slack.ephemerals(user=self._user)) > answers:
                    break
                time.sleep(0.1)
            else:
                if acknowledged:
                    self._tally.silent.append(f"{self._command}: acknowledged, and never answered")
        return None

    def _accepted(self) -> ActionRecord | None:
        """The step of this person that they have not followed yet."""
        mine = (each for each in self._found.actions() if each.order.user == self._user)
        return next((each for each in mine if each.id not in self._tally.ids), None)

    def _confirm(self, action: ActionRecord) -> None:
        """Press the button and submit the form; a press that was lost is made again."""
        message = next(iter(self._found.messages(action.id)), None)
        if message is None or not any(each.startswith("confirm_step") for each in message.buttons):
            return
        views = len(self._found.slack.views(self._user))
        try:
            self._found.slack.press(message, "confirm_step", user=self._user)
        except NoSuchElement:
            return
        until = time.monotonic() + 4
        while len(self._found.slack.views(self._user)) == views and time.monotonic() < until:
            time.sleep(0.1)
        if len(self._found.slack.views(self._user)) > views:
            self._found.slack.submit_view(self._found.slack.views(self._user)[-1], {}, user=self._user)
            for view in self._found.slack.views(self._user):
                self._found.slack.close_view(view, user=self._user)

    def _is_followed(self, action: ActionRecord) -> bool:
        """Whether a check that includes the result of a step has ended.

        Several steps can share one.
        """
        at = action.ended
        if action.state is not ActionState.DONE or at is None:
            return True
        return any(each.ended is not None and each.ended >= at for each in all_runs(self._found.client))


def all_runs(client: ConnectedClient) -> list[Run]:
    """Every run that was ever accepted."""
    prefix = WorkerSettings().prefix
    names = {
        str(key).removeprefix(f"{prefix}run:").split(":")[0]
        for key in client.stores.redis.scan_iter(f"{prefix}run:*", count=5000)
    }
    return [each for name in names if (each := client.get(Run, name)) is not None]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.steps", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=24 * 60, help="the time after which no further round begins")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="egress-diag-steps-"))
    print(f"logs: {folder}", flush=True)
    tally, chance = Tally(), random.Random(chosen.seed)
    until = time.monotonic() + chosen.minutes * 60
    with step_installation(folder) as found, ThreadPoolExecutor(len(PEOPLE)) as people:
        while tally.kills.total() < chosen.kills and time.monotonic() < until:
            began = time.monotonic()
            steps = [people.submit(Step(found, user, tally).run) for user in PEOPLE]
            _kill_during(found, steps, tally, chance, chosen.kills)
            print(
                f"{tally.kills.total():3} kills, {len(tally.ids)} steps, round of {time.monotonic() - began:.0f} s",
                flush=True,
            )
        left, doubled = _result(found, tally)
        ended = found.system.ended()
    print(" · ".join(f"{name} {count}" for name, count in sorted(tally.kills.items())))
    print(" · ".join(f"{name} {count}" for name, count in sorted(tally.steps.items())))
    print(f"left over {len(left)} · doubled {len(doubled)} · silent {len(tally.silent)}")
    for line in (*left, *doubled, *tally.silent, *(f"{name} ended with {code}" for name, code in ended.items())):
        print(f"  {line}")
    sys.exit(1 if left or doubled or tally.silent or ended else 0)


def _kill_during(
    found: StepInstallation, steps: list[Future[None]], tally: Tally, chance: random.Random, most: int
) -> None:
    """Kill processes until every person has seen the end of their step."""
    over = threading.Event()
    while not all(each.done() for each in steps):
        over.wait(chance.uniform(1.0, 9.0))
        ready = [name for name in KILLED if name in found.system.processes and _is_up(found.system, name)]
        if ready and tally.kills.total() < most and not all(each.done() for each in steps):
            name = chance.choice(ready)
            found.system.kill(name)
            tally.kills[name] += 1
            time.sleep(chance.uniform(0, 1))
            found.system.start(name)
    for each in steps:
        each.result()


def _is_up(system: System, name: str) -> bool:
    return system.ready() == 200 if name == "listener" else system.is_ready(name)


def _result(found: StepInstallation, tally: Tally) -> tuple[list[str], list[str]]:
    """The objects that are left a minute after the end, and everything that was done twice."""
    _wait(lambda: not found.cluster.jobs and not found.client.stores.actions.active(), 60)
    left = [f"Job {name}" for name in found.cluster.jobs]
    left += [f"step {each.id} is {each.state.value}" for each in found.client.stores.actions.active()]
    doubled = [f"{name}: {count} times" for name, count in found.cluster.made.items() if count > 1]
    doubled += [f"step {name} has several messages" for name in tally.ids if len(found.messages(name)) > 1]
    begun = [each for each in found.actions() if each.order.kind is ActionKind.RESTART and each.started is not None]
    restarts = sum(name.startswith("restart ") for name in found.cluster.made)
    if restarts > len(begun):
        doubled.append(f"{restarts} restarts for {len(begun)} steps")
    return left, doubled


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.2)
    return False


if __name__ == "__main__":
    main()
