"""Records of one person in three channels, and others who try to use them.

Alice may do everything everywhere. Bob may use the cluster `shared` in C0OPS, except its gateways `secret-*`, and Carol may
diagnose it in C0PAY; no one but Alice may use `bank`. Both clusters are broken, so that a leaked finding is recognized.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import urllib3

from bot.sandbox import SandboxServer, signed_headers
from bot.sandbox.event_delivery import http_body
from checks.actions.plan import ActionKind
from checks.config.configuration_file import load
from checks.model.recurrence import recurrence
from tests.bot.conftest import broken_cluster
from tests.bot.conversation import Conversation, conversation
from tests.checks.actions.test_planning import planned
from tests.clusters.compose import Cluster, write_bundle
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.queue.settings import WorkerSettings
from workers.records.action import ActionOrder
from workers.records.handoff import HandoffOrder
from workers.records.mute import Mute
from workers.records.run import Order, Run, Target
from workers.records.schedule import Schedule
from workers.records.watch import Watch

OWNER = "U0ALICE"
MUTED = "access-log-off"
"""A check that is muted on each gateway."""

PLACES = ("C0OPS", "C0PAY")
TARGETS = {
    "denied cluster": Target("bank", "egw", "team-egress"),
    "denied gateway": Target("shared", "secret-egw", "team-egress"),
    "permitted gateway": Target("shared", "egw", "team-egress"),
}
FINDINGS = ("gwpol", "node pool does not exist")
"""Texts of findings.

Bob may see them for one gateway in `list` and at home, but in no record of Alice.
"""

SECRETS = ("gwpol", "secret-egw", "new pool is ordered")
"""Texts that only Alice may see anywhere."""

RULES = """\
access:
  - {allow: [diagnose, handoff, digest, probe, restart], users: [U0ALICE]}
  - {allow: [], users: ['*'], gateways: ['secret-*']}
  - {allow: [diagnose, handoff, digest], users: [U0BOB], clusters: [shared], channels: [C0OPS]}
  - {allow: [diagnose], users: ['*'], clusters: [shared], channels: [C0PAY]}
"""


def may(user: str, channel: str, permission: str, cluster: str, gateway: str) -> bool:
    """The permissions of `RULES`, written down independently of the code."""
    if user == OWNER:
        return True
    if permission in ("probe", "restart") or cluster != "shared" or gateway.lower().startswith("secret-"):
        return False
    return (user, channel) == ("U0BOB", "C0OPS") or (permission == "diagnose" and channel == "C0PAY")


@dataclass
class Office:
    """The records, by situation, and what they look like now."""

    talk: Conversation
    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    """By the name of the target and the channel."""
    watches: dict[tuple[str, str], Watch] = field(default_factory=dict)
    handoffs: dict[str, str] = field(default_factory=dict)
    steps: dict[tuple[str, str], str] = field(default_factory=dict)
    schedules: dict[tuple[str, str], str] = field(default_factory=dict)
    pressed: int = 0

    @property
    def client(self) -> Client:
        return self.talk.client

    def ids(self) -> list[str]:
        """The ids of all records."""
        found = [run.id for run in self.runs.values()] + [watch.id for watch in self.watches.values()]
        return [*found, *self.handoffs.values(), *self.schedules.values(), *self.steps.values()]

    def send(self, kind: Any, payload: Mapping[str, object]) -> str:
        """Deliver a payload as Slack does, and return the body of the answer."""
        body, content = http_body(kind, payload)
        headers = {
            "Content-Type": content,
            **signed_headers(body, self.talk.slack.app.signing_secret, int(time.time())),
        }
        with urllib3.PoolManager(retries=False) as http:
            answer = http.request("POST", self.talk.slack.request_url or "", body=body, headers=headers)
        assert answer.status == 200, (answer.status, payload)
        return answer.data.decode()

    def command(self, text: str, user: str, channel: str) -> str:
        """Type a command."""
        self.pressed += 1
        fields = {"command": "/egress-diag", "text": text, "user_id": user, "channel_id": channel}
        return self.done("slash_commands", {**fields, "trigger_id": f"t{self.pressed}", "team_id": "T0"})

    def press(self, action: str, value: str, user: str, channel: str, *, menu: bool = False) -> str:
        """Press a button with any value, or choose from a menu."""
        self.pressed += 1
        stamp = f"1700000000.{self.pressed:06d}"
        act: dict[str, object] = {"type": "button", "action_id": action, "action_ts": stamp, "value": value}
        if menu:
            chosen = json.dumps({"option": action, "run": value})
            act |= {"type": "overflow", "action_id": "more", "selected_option": {"value": chosen}}
        payload = {**self._body("block_actions", user, channel, stamp), "actions": [act]}
        return self.shown_at_home("interactive", payload) if action == "home" else self.done("interactive", payload)

    def report_wrong(self, run_id: str, user: str, channel: str) -> str:
        """Submit the form about a wrong result."""
        return self.submit(
            "wrong", {"comment": "x"}, user, channel, metadata=json.dumps({"channel": channel, "run": run_id})
        )

    def submit(
        self, callback: str, values: Mapping[str, str], user: str, channel: str, *, metadata: str | None = None
    ) -> str:
        """Submit a form that was opened in a channel."""
        self.pressed += 1
        more: dict[str, dict[str, object]] = {"handoff": {"span": 86400}, "diagnose": {"cluster": ""}}
        metadata = metadata or json.dumps({"channel": channel, **more.get(callback, {})})
        state = {name: {name: {"type": "plain_text_input", "value": value}} for name, value in values.items()}
        view = {
            "id": f"V{self.pressed:011d}",
            "hash": "h",
            "type": "modal",
            "callback_id": callback,
            "private_metadata": metadata,
            "state": {"values": state},
            "blocks": [],
        }
        payload = {**self._body("view_submission", user, channel, "1"), "view": view}
        return self.done("interactive", payload)

    def suggest(self, cluster: str, user: str, channel: str) -> str:
        """Type into the gateway field of the form."""
        view = {"id": "V1", "private_metadata": json.dumps({"channel": channel, "cluster": cluster})}
        about = {"action_id": "gateway", "block_id": f"gateway/{cluster}", "value": "", "view": view}
        return self.send("interactive", {**self._body("block_suggestion", user, channel, "1"), **about})

    def mention(self, text: str, thread: str, user: str, channel: str) -> str:
        """Mention the bot in a thread."""
        self.pressed += 1
        event = {
            "type": "app_mention",
            "user": user,
            "channel": channel,
            "thread_ts": thread,
            "text": f"<@U0BOT> {text}",
        }
        event["ts"] = f"1700000001.{self.pressed:06d}"
        return self.done("events", {"type": "event_callback", "team_id": "T0", "event": event})

    def open_home(self, user: str, channel: str) -> str:
        """Open the App Home, which has no channel."""
        del channel
        event = {"type": "app_home_opened", "user": user, "tab": "home"}
        return self.shown_at_home("events", {"type": "event_callback", "team_id": "T0", "event": event})

    def _body(self, kind: str, user: str, channel: str, stamp: str) -> dict[str, object]:
        return {
            "type": kind,
            "user": {"id": user},
            "channel": {"id": channel},
            "team": {"id": "T0"},
            "container": {"message_ts": stamp, "channel_id": channel},
            "trigger_id": f"t{stamp}",
        }

    def done(self, kind: Any, payload: Mapping[str, object]) -> str:
        """Deliver a payload and wait for its listener, which acknowledges before it works."""
        body = self.send(kind, payload)
        self.talk.slack.wait_until(lambda: not self.talk.listeners.busy, 60)
        return body

    def shown_at_home(self, kind: Any, payload: Mapping[str, object]) -> str:
        """Deliver a payload that publishes the App Home, and wait for that."""
        slack = self.talk.slack
        before = len(slack.calls("views.publish"))
        body = self.send(kind, payload)
        slack.wait_until(lambda: len(slack.calls("views.publish")) > before)
        return body

    def state(self) -> dict[str, object]:
        """Everything that belongs to Alice, and everything that exists at all."""
        stores = self.client.stores
        runs = {run.id: stores.runs.get(run.id) for run in self.runs.values()}
        watches = {watch.id: stores.watches.get(watch.id) for watch in self.watches.values()}
        taken = {name: found.taken_by for name in self.handoffs.values() if (found := stores.fleet.handoffs.get(name))}
        return {
            "runs": {i: (r.state, r.joined, r.later, r.cancelled_by) for i, r in runs.items() if r},
            "watches": {i: (w.state, w.user, w.stopped_by) for i, w in watches.items() if w},
            "steps": {i: (a.state, a.approvals) for i in self.steps.values() if (a := stores.actions.get(i))},
            "remarks": {i: len(stores.runs.remarks(i)) for i in runs},
            "handoffs": taken,
            "schedules": sorted(each.id for each in stores.fleet.schedules.all(self.talk.config) if each.user == OWNER),
            "mutes": sorted(m.gateway for m in stores.fleet.ledger.mutes(datetime.now(UTC)) if m.user == OWNER),
            "owners": {c: {n: o.user for n, o in stores.history.owners(c).items()} for c in ("bank", "shared")},
            "files": sorted(name for name in stores.documents.due(-60) if name.startswith("file/")),
        }

    def started(self) -> list[tuple[str, str, str, str, str]]:
        """The active records of others: person, channel, permission, cluster and gateway."""
        stores = self.client.stores
        runs = [(r.order.user, r.order.channel, "diagnose", r.order.target) for r in self.client.active(Run)]
        watches = [(w.user, w.channel, "diagnose", w.target) for w in self.client.active(Watch)]
        mutes = [
            (m.user, "C0OPS", "digest", Target(m.cluster, m.gateway.rpartition("/")[2]))
            for m in stores.fleet.ledger.mutes(datetime.now(UTC))
        ]
        steps = [
            (a.order.user, a.order.channel, a.order.kind.permission, a.order.target) for a in stores.actions.active()
        ]
        found = [*runs, *watches, *mutes, *steps]
        return [(user, where, what, t.cluster, t.gateway) for user, where, what, t in found if user != OWNER]

    def received(self, user: str) -> list[str]:
        """The private answers, direct messages and forms of a person, oldest first."""
        slack = self.talk.slack
        direct = [m for m in slack.workspace.all_messages() if m.channel.startswith("D") and m.only_for in (None, user)]
        found = [m.shown for m in (*slack.ephemerals(user=user), *direct)]
        return [*found, *(view.shown for view in slack.views(user))]

    def home(self, user: str) -> str:
        """The App Home of a person."""
        view = self.talk.slack.home(user)
        return view.shown if view is not None else ""


def with_another_gateway(cluster: Cluster) -> Cluster:
    """The cluster with `secret-egw` in its mesh profile, of which nothing exists yet."""
    profile = copy.deepcopy(cluster.managed_cluster)
    assert profile is not None
    gateways = profile["properties"]["serviceMeshProfile"]["istio"]["components"]["egressGateways"]
    gateways.append({**gateways[0], "name": "secret-egw"})
    return replace(cluster, managed_cluster=profile)


@contextmanager
def office(slack: SandboxServer, redis_url: str, folder: Path, rules: str = RULES) -> Iterator[Office]:
    """Alice's records: runs, watches, schedules, handoffs, mutes, owners, evidence."""
    write_bundle(with_another_gateway(broken_cluster()), folder / "broken")
    config_file = folder / "egress-diag.yaml"
    rows = "".join(f"  - {{name: {name}, bundle: '{folder / 'broken'}'}}\n" for name in ("bank", "shared"))
    config_file.write_text(f"clusters:\n{rows}{rules}probe: {{namespaces: [team-egress]}}\n", encoding="utf-8")
    config = load(config_file)
    client = connect(WorkerSettings(REDIS_URL=redis_url), config, retry=True)
    with conversation(slack, client, config) as talk:
        found = Office(talk)
        for channel in PLACES:
            for name, target in TARGETS.items():
                _add(found, name, target, channel)
        yield found
    client.close()


def _add(made: Office, name: str, target: Target, channel: str) -> None:
    """One record of each kind about a target, in a channel."""
    client, talk = made.client, made.talk
    accepted = client.start(Order(target, OWNER, channel, f"{name}/{channel}"))
    talk.play()
    run = client.stores.runs.get(accepted.run.id)
    assert run is not None
    client.own(run, OWNER)
    made.runs[name, channel] = run
    made.watches[name, channel], _ = client.watch(target, OWNER, channel, None, timedelta(hours=1))
    now = datetime.now(UTC)
    step, _ = client.actions.request(
        ActionOrder(target, ActionKind.PROBE_POD, OWNER, channel, f"step/{name}/{channel}")
    )
    assert client.stores.actions.plan(step.id, planned(ActionKind.PROBE_POD, created=now)) is not None
    made.steps[name, channel] = step.id
    full = f"{target.namespace}/{target.gateway}"
    client.fleet.mute(Mute(target.cluster, full, MUTED, OWNER, "new pool is ordered", now, now + timedelta(days=1)))
    if (target.cluster, channel) not in made.schedules:
        number = len(made.schedules)
        schedule = Schedule(
            f"s{number:011d}", channel, (target.cluster,), recurrence(f"{9 + number}:00", "daily", "UTC"), user=OWNER
        )
        client.request(schedule)
        made.schedules[target.cluster, channel] = schedule.id
    if channel not in made.handoffs:
        made.handoffs[channel] = f"h{channel.lower()}"
    if name == "permitted gateway":
        order = HandoffOrder(made.handoffs[channel], channel, OWNER, now, timedelta(hours=8), ("bank", "shared"))
        client.request(order)
        client.stores.history.keep_inventory("shared", (("team-egress/egw", True), ("team-egress/secret-egw", True)))
        client.stores.history.keep_inventory("bank", (("team-egress/egw", True),))
        talk.play()


def thread_of(made: Office, name: str, channel: str) -> str:
    """The thread of a run."""
    run = made.runs[name, channel]
    parent = made.client.deliveries.parent(run.id)
    assert parent is not None
    return parent.ts
