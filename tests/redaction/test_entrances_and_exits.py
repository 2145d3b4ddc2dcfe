"""Each place where text enters the product or leaves it removes secrets."""

import resource
import subprocess
import time
from pathlib import Path

import pytest
import redis

from bot.listeners.payloads import read_payload
from bot.slack.outgoing import without_secrets
from checks.model.redaction import redact, redact_object
from checks.sources.archive import BundleError
from checks.sources.replies import shortened
from checks.sources.source import SourceError
from tests.clusters.compose import named, write_bundle
from tests.redaction.corpus import SECRET_FORMS, SecretForm
from tests.system import EGRESS_DIAG
from workers.runs.audit import Audit, AuditEntry

SECRET = "xoxb-1122334455-6677889900-Zebra42"
TYPED = f"prod-weu egw password=Zebra42xQ {SECRET}"


@pytest.mark.parametrize("form", SECRET_FORMS, ids=lambda form: f"{form.kind}: {form.text[:30]!r}")
def test_a_message_of_an_api_is_redacted_before_it_becomes_one_line(form: SecretForm) -> None:
    assert form.leaks(shortened(f"request failed:\n{form.text}")) == []


def test_typed_text_is_redacted_when_it_arrives() -> None:
    sent = {"command": "/egress-diag", "text": TYPED, "user_id": "U0ALICE", "channel_id": "C0OPS", "trigger_id": "1.2"}
    body = read_payload(sent).body
    assert body["text"] == "prod-weu egw password=[redacted] [redacted]"


def test_messages_to_slack_are_redacted_and_their_identifiers_are_not() -> None:
    blocks = [{"type": "section", "block_id": SECRET, "text": {"type": "mrkdwn", "text": TYPED}}]
    found = without_secrets({"channel": "C0OPS", "text": TYPED, "blocks": blocks})
    assert found["text"] == found["blocks"][0]["text"]["text"] == redact(TYPED)
    assert found["blocks"][0]["block_id"] == SECRET


def test_the_audit_is_redacted(redis_client: redis.Redis) -> None:
    audit = Audit(redis_client, "redaction:")
    audit.append(AuditEntry("U0ALICE", "C0OPS", "command", TYPED, "mistake", why=f"unknown word {SECRET}"))
    assert "Zebra42" not in str(audit.last())


@pytest.mark.parametrize("kind", [SourceError, BundleError])
def test_the_error_of_a_source_is_redacted(kind: type[Exception]) -> None:
    assert "Zebra42" not in str(kind(f"kubeconfig: the plugin failed: {TYPED}"))


@pytest.mark.slow
def test_redaction_takes_less_than_a_twentieth_of_a_run(tmp_path: Path) -> None:
    cluster = named("base")
    write_bundle(cluster, tmp_path / "cluster")
    (tmp_path / "config.yaml").write_text(
        f"clusters:\n  - {{name: x, bundle: '{tmp_path / 'cluster'}'}}\n", encoding="utf-8"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [
        "collect",
        "x",
        "team-egress/egw",
        "--config",
        str(tmp_path / "config.yaml"),
        "-o",
        str(tmp_path / "bundle"),
    ]
    subprocess.run([*EGRESS_DIAG, *words], capture_output=True, timeout=120, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    began = time.process_time()
    for manifest in cluster.objects:
        redact_object(manifest)
    for log in cluster.logs.values():
        redact(log)
    assert (tmp_path / "bundle").exists()
    assert time.process_time() - began < run / 20
