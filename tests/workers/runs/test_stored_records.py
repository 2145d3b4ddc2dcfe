"""Records in Redis keep their JSON names, and those written before pydantic can be read."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from checks.config.configuration import Config
from checks.model.findings import (
    Action,
    Change,
    Effect,
    Evidence,
    Finding,
    Involved,
    Report,
    Severity,
    Stage,
    Status,
    Verdict,
)
from checks.model.route import Correction, Decision, Hop, HopName, Mark, Outcome, Rival, Route, TracedRequest
from checks.reports.document import FINDINGS, REPORT
from workers.client import ConnectedClient as Client
from workers.client.stores import Stores
from workers.queue.celery_app import make_publisher
from workers.queue.presence import Presence, Process
from workers.queue.settings import WorkerSettings
from workers.records.delivered import Delivered
from workers.records.listing import LISTING_JSON, Listing, ListingState
from workers.records.run import ORDER_JSON, Order, Run, RunState, Target
from workers.records.watch import WATCH_JSON, Watch, WatchCheck, WatchState

STORED: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "stored_before.json").read_text())
MOMENT = datetime(2026, 11, 20, 2, 41, 7, tzinfo=UTC)
RUN, WHOLE_GATEWAY, REFUSED, WATCH = "a32fc362e114", "e80361004448", "cb1fb77be07f", "15124ef86671"
SGC = "StaticGatewayConfiguration payments/sgc"

FINDING = Finding(
    check="egress-prefix-unassigned",
    code="EGD-303",
    stage=Stage.PROVISIONING,
    severity=Severity.BLOCKS,
    article_steps=("step-3",),
    title="No egress IP prefix",
    status=Status.FAIL,
    summary=f"{SGC} has no prefix.",
    subject="payments/sgc",
    evidence=(Evidence(SGC, ".status.egressIpPrefix", "(empty)", "a CIDR"),),
    actions=(
        Action(
            "Describe it",
            "kubectl describe sgc -n payments sgc",
            Effect.READS,
            "https://learn.microsoft.com/azure",
            "events",
        ),
    ),
    explained_by=("gateway-pool-missing",),
    possible_causes=("subnet-full",),
    about=frozenset({Involved("pool", "gwpool"), Involved("host", "api.x.example")}),
    pending=True,
)
ROUTE = Route(
    host="api.x.example",
    gateway="payments/egw",
    summary="summary",
    requests=(
        TracedRequest(
            scheme="https",
            port=443,
            clients=("apps/web",),
            outcome=Outcome.FAILS,
            meant=True,
            summary="fails",
            answer="503 NR",
            address="20.0.0.0",
            hops=(
                Hop(
                    HopName.CLIENT,
                    Mark.PASSES,
                    "client",
                    (Decision("Sidecar a/b", "spec", "chosen", "why"),),
                    (Rival("Sidecar a/c", "older"),),
                    ("a doubt",),
                ),
                Hop(HopName.SERVER, Mark.BREAKS, "breaks", cause="no-server", finding="EGD-510"),
            ),
            corrections=(Correction("Add", "Gateway payments/gw", "kubectl apply", "kind: Gateway", "nothing"),),
            revision="asm-1-27",
        ),
    ),
    gateway_hosts=("a.example",),
    nearest=("b.example",),
)
REPORT_OF_HOST = Report(
    cluster="prod",
    namespace="payments",
    gateway="egw",
    verdict=Verdict.BROKEN,
    started_at=MOMENT,
    duration_seconds=3.25,
    root_causes=("egress-prefix-unassigned",),
    findings=(FINDING,),
    host="api.x.example",
    client="apps/web",
    changes=(Change(MOMENT, SGC, "spec edited", "kubectl"),),
    gaps=("nodes: 403",),
    route=ROUTE,
    settings=(Evidence(SGC, ".spec.gatewayNodepoolName", "gwpool"),),
)


@pytest.fixture
def client(redis_url: str) -> Iterator[Client]:
    settings = WorkerSettings(REDIS_URL=redis_url)
    redis = Redis.from_url(redis_url, decode_responses=True)
    for key, ((kind, value),) in ((key, tuple(of.items())) for key, of in STORED.items()):
        match kind:
            case "string":
                redis.set(key, value)
            case "hash":
                redis.hset(key, mapping=value)
            case "list":
                redis.rpush(key, *value)
            case "set":
                redis.sadd(key, *value)
            case _:
                redis.zadd(key, value)
    made = Client(Stores(redis, make_publisher(settings), settings, Config()))
    yield made
    made.close()


def stored(key: str, field: str = "") -> Any:
    (value,) = STORED[f"egress-diag:{key}"].values()
    return json.loads(value[field] if field else value)


def test_a_stored_run_reads_with_its_order_findings_report_and_remarks(client: Client) -> None:
    run = client.get(Run, RUN)
    assert run is not None
    target = Target("prod", "egw", "payments", "api.x.example", "apps/web")
    assert run.order == Order(
        target,
        "U0ALICE",
        "C0OPS",
        "key-1",
        "T0TEAM",
        "1700000000.000100",
        "aaaaaaaaaaaa",
        "https://hooks.slack.example/x",
    )
    assert run.findings == (FINDING,)
    assert run.report == REPORT_OF_HOST
    assert (run.state, run.attempts, run.total) == (RunState.DONE, 1, 60)
    assert (run.later, run.joined, run.card) == ("bbbbbbbbbbbb", ("U0BOB",), "")
    assert run.started is not None
    assert run.ended is not None
    assert run.created < run.started < run.ended
    assert [(each.user, each.comment) for each in client.stores.runs.remarks(RUN)] == [("U0BOB", "not broken")]


def test_a_stored_refusal_reads_with_its_choices(client: Client) -> None:
    run = client.get(Run, REFUSED)
    assert run is not None
    assert (run.state, run.problem, run.choices) == (RunState.REFUSED, "several", ("a/egw2", "b/egw2"))


def test_a_stored_watch_reads_and_is_due(client: Client) -> None:
    watch = client.stores.watches.get(WATCH)
    assert watch is not None
    assert watch == Watch(
        id=WATCH,
        target=Target("prod", "egw", "payments"),
        user="U0ALICE",
        channel="C0OPS",
        thread=None,
        began=watch.began,
        until=watch.began + timedelta(hours=1),
        state=WatchState.ACTIVE,
        checks=2,
        passed=1,
        last=WatchCheck(MOMENT, None, ("a problem",), "r2"),
        changes=(WatchCheck(MOMENT, Verdict.BROKEN, ("No egress IP prefix",), "r1"),),
        run="r3",
    )
    assert json.loads(WATCH_JSON.dump_json(watch)).keys() == stored(f"watch:{WATCH}").keys() | {"groups", "card"}


def test_stored_history_owners_and_inventory_read(client: Client) -> None:
    (past,) = client.stores.history.past_runs("prod", "payments/egw")
    verdict = client.stores.history.verdicts("prod")["payments/egw"]
    assert (past.run, past.verdict, past.failing, past.user) == (WHOLE_GATEWAY, Verdict.BROKEN, ("EGD-303",), "U0ALICE")
    assert (verdict.namespace, verdict.gateway, verdict.run) == ("payments", "egw", WHOLE_GATEWAY)
    assert verdict.at == past.at
    owner = client.stores.history.owners("prod")["payments/egw"]
    assert (owner.user, owner.run) == ("U0BOB", WHOLE_GATEWAY)
    assert client.stores.history.inventory("prod").gateways == (("payments/egw", True), ("payments/old", False))


def test_a_stored_listing_a_choice_a_delivery_and_a_process_read(client: Client) -> None:
    listing = client.stores.listings.get("listing00001")
    response_url = "https://hooks.slack.example/y"
    gateways = (("payments/egw", True),)
    assert listing == Listing(
        "listing00001", "prod", "U0ALICE", "C0OPS", response_url, ListingState.DONE, gateways, at=MOMENT
    )
    new = {"groups", "partial", "step"}
    assert json.loads(LISTING_JSON.dump_json(listing)).keys() - new == stored("listing:listing00001").keys()
    assert client.stores.conversations.last_target("C0OPS") == Target("prod", "egw", "payments")
    place = Delivered("parent", "C0OPS", "1700000000.000200", "abc123")
    assert client.stores.documents.deliveries("run/x").slots == {"parent": place}
    processes = Presence(client.stores.redis, client.stores.settings.prefix).present(MOMENT)
    assert processes == (Process("worker@pod-1", "0.1.0", ("diagnose", "sweep"), MOMENT),)


def test_orders_findings_and_reports_are_written_as_before_with_new_fields(client: Client) -> None:
    run = client.get(Run, RUN)
    assert run is not None
    assert run.report is not None
    assert json.loads(ORDER_JSON.dump_json(run.order)) == {
        **stored(f"run:{RUN}", "order"),
        "groups": [],
        "card": "",
        "ran": None,
    }
    findings = [_with_new_fields(each) for each in stored(f"run:{RUN}:findings", FINDING.check)]
    assert json.loads(FINDINGS.dump_json(run.findings)) == findings
    report = stored(f"run:{RUN}", "report")
    report["findings"] = [_with_new_fields(each) for each in report["findings"]]
    report["warnings"] = report["not_checked"] = []
    report["traffic"] = None
    # Requests had other names, and a route had no outcome of its own.
    requests = [{"source_address": each.pop("address"), **each} for each in report["route"].pop("ways")]
    for each in requests:
        each["corrections"] = [{**correction, "undo": ""} for correction in each["corrections"]]
    report["route"] |= {"outcome": "fails", "requests": requests}
    assert json.loads(REPORT.dump_json(run.report)) == report
    assert stored(f"run:{WHOLE_GATEWAY}", "report")["route"] is None


def _with_new_fields(finding: dict[str, Any]) -> dict[str, Any]:
    actions = [{**each, "verify": "", "undo": "", "alternative_to": ""} for each in finding["actions"]]
    return {**finding, "reason": "", "doubt": "", "since": None, "actions": actions}


@pytest.mark.parametrize("name", ["order", "state", "report"])
def test_a_record_of_a_newer_version_that_cannot_be_read_counts_as_absent(client: Client, name: str) -> None:
    client.stores.redis.hset(f"egress-diag:run:{RUN}", name, '{"verdict": "splendid"}')
    assert client.get(Run, RUN) is None
    assert f"run/{RUN}" in client.stores.unreadable.all()


def test_fields_that_a_newer_version_added_are_ignored(client: Client) -> None:
    order = {**stored(f"run:{RUN}", "order"), "colour": "blue"}
    client.stores.redis.hset(f"egress-diag:run:{RUN}", mapping={"order": json.dumps(order), "colour": "blue"})
    run = client.get(Run, RUN)
    assert run is not None
    assert run.order.key == "key-1"
