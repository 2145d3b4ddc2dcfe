"""The JSON names of a fleet's records in Redis do not depend on the code's field names."""

import json
from datetime import UTC, datetime, timedelta

from checks.model.findings import Verdict
from workers.records.digest import DIGEST_JSON, Counts, Digest, DigestOrder, DriftedGateway, Unchecked
from workers.records.gateway_state import GATEWAY_STATE_JSON, Drift, GatewaySetting, GatewayState
from workers.records.handoff import HANDOFF_JSON, Coverage, Handoff, HandoffOrder

AT = datetime(2026, 11, 20, 2, 41, tzinfo=UTC)
SETTING = GatewaySetting("StaticGatewayConfiguration payments/sgc", ".spec.gatewayNodepoolName", "gwpool")
MOVED = DriftedGateway(
    "prod", "payments/egw", (Drift("sgc", ".status.egressIpPrefix", "1.0.0.0/31", "2.0.0.0/31"),), AT
)
UNCHECKED = Unchecked("prod", "it did not answer in time")


def test_a_state() -> None:
    state = GatewayState(
        cluster="prod",
        gateway="payments/egw",
        by="run1",
        at=AT,
        verdict=Verdict.INCONCLUSIVE,
        broken=True,
        since=AT,
        inconclusive_since=AT,
        healthy_at=AT,
        healthy_settings=(SETTING,),
    )
    stored = json.loads(GATEWAY_STATE_JSON.dump_json(state))
    assert stored["unseen"] == stored["well_at"] == "2026-11-20T02:41:00Z"
    assert stored["well_settings"] == [{"resource": SETTING.resource, "field": SETTING.field, "value": "gwpool"}]
    assert GATEWAY_STATE_JSON.validate_json(json.dumps(stored)) == state


def test_a_digest() -> None:
    order = DigestOrder("d1", "C0OPS", ("prod",), AT)
    digest = Digest(order, AT, Counts(clusters=1), unchecked=(UNCHECKED,), prefix_changes=(MOVED,))
    stored = json.loads(DIGEST_JSON.dump_json(digest))
    assert stored["unseen"][0]["why"] == UNCHECKED.why
    assert stored["moved"][0]["drift"][0]["after"] == "2.0.0.0/31"
    assert DIGEST_JSON.validate_json(json.dumps(stored)) == digest


def test_a_handoff() -> None:
    order = HandoffOrder("h1", "C0OPS", "U0ALICE", AT, timedelta(hours=8), ("prod",))
    handoff = Handoff(order, Coverage(clusters=1, runs=2), unchecked=(UNCHECKED,), prefix_changes=(MOVED,))
    stored = json.loads(HANDOFF_JSON.dump_json(handoff))
    assert stored["looked"]["runs"] == 2
    assert stored["unseen"][0]["why"] == UNCHECKED.why
    assert stored["moved"][0]["gateway"] == "payments/egw"
    assert HANDOFF_JSON.validate_json(json.dumps(stored)) == handoff
