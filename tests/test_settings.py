"""Bad environment variables: a sentence instead of a traceback, in every process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bot.slack.settings import SlackSettings
from checks.config.bad_setting import BadSetting
from checks.config.environment import EnvironmentSettings
from workers.queue.settings import WorkerSettings

BAD = {
    "REDIS_URL": (
        "localhost:6379",
        "amqp://h:1/0",
        "redis://",
        "redis://h:port/0",
        "redis://h:99999/0",
        "redis://h/zero",
        "redis://h/\u0663",
        "redis://h/99999999999999999999",
        "redis://h/0?socket_timeout=abc",
        "redis://h/0?socket_timeout=5",
        "redis://h/0?foo=bar",
        "redis://h/0?db=x",
        "redis://h/0?db=1",
        "redis://h/0?=",
        "redis://h/0?ssl_cert_reqs=required",
        "rediss://h/0?ssl_cert_reqs=bogus",
        "rediss://h/0?ssl_cert_reqs=none&ssl_cert_reqs=required",
        "rediss://h/0?ssl_check_hostname=perhaps",
        "rediss://h/0?ssl_ca_certs=/does/not/exist",
        "rediss://h/0?ssl_min_version=x",
        "redis://:pass#word@h/0",
        "redis://h/0#part",
        "redis://a..b/0",
        f"redis://{'a' * 70}.example/0",
        "",
    ),
    "REDIS_PASSWORD": ("secret\n",),
    "REDIS_AUTH": ("none", "entra"),  # entra needs rediss://
    "EGRESS_DIAG_KEY_PREFIX": ("with space", "star*", "é" * 101),
    "EGRESS_DIAG_RUN_TIMEOUT": ("0", "-1", "901", "nan", "inf", "1e999", "9" * 400, "a minute", "\uff14"),
    "EGRESS_DIAG_LEASE": ("-3", "0", "0.9", "1e-9", "nan", "inf", "601", "15s"),
    "EGRESS_DIAG_TICK": ("0", "0.01", "31", "nan"),
    "EGRESS_DIAG_WATCH_INTERVAL": ("0", "3601", "-inf"),
    "EGRESS_DIAG_CONCURRENCY": ("0", "65", "1.5", "four", "9" * 5000, "1e1", "\uff14", "\u0664"),
    "EGRESS_DIAG_LOG": ("xml",),
    "EGRESS_DIAG_LOG_LEVEL": ("TRACE", "info"),
    "EGRESS_DIAG_METRICS_PORT": ("-1", "65536", "http", "9" * 30, "\u0661\u0662"),
    "PROMETHEUS_MULTIPROC_DIR": ("/does/not/exist", "/" + "a" * 300),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("collector:4318", "grpc://collector:4317", "http://a..b:4318"),
    "EGRESS_DIAG_HEARTBEAT": ("/does/not/exist/heartbeat", "/tmp", "/tmp/" + "a" * 300),
    "SLACK_BOT_TOKEN": ("xoxb-1\n", "xoxb-1\u20ac", "xoxb- 1", "xoxb-\udcff"),
    "SLACK_SIGNING_SECRET": ("secret\r\n", "secr\u00e9t"),
    "EGRESS_DIAG_ALERTS_TOKEN": ("secret\n", "two words"),
    "SLACK_APP_TOKEN": ("xapp-1\t", "xapp-\u0661"),
    "SLACK_API_URL": (
        "x",
        "slack.com/api/",
        "https://",
        "ftp://slack.com/api/",
        "https://slack.com:port/",
        "https://slack.com/api/?a=b",
        "https://slack.com/#a",
        "https://a..b/",
    ),
}
NOT_SHOWN = {"REDIS_URL", "REDIS_PASSWORD", "EGRESS_DIAG_KEY_PREFIX", "OTEL_EXPORTER_OTLP_ENDPOINT", "SLACK_API_URL"}
MODELS: tuple[type[EnvironmentSettings], ...] = (WorkerSettings, SlackSettings)


def model_of(name: str) -> type[EnvironmentSettings]:
    return next(model for model in MODELS if name in model.variables())


def test_every_variable_but_the_configuration_file_has_bad_values() -> None:
    """The configuration file has its own messages."""
    assert {*BAD, "EGRESS_DIAG_CONFIG"} == {name for model in MODELS for name in model.variables()}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values if value]
)
def test_a_bad_value_is_one_sentence(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    model = model_of(name)
    with pytest.raises(BadSetting) as raised:
        model()
    (sentence,) = str(raised.value).splitlines()
    assert sentence.startswith(f"{name} is ")
    assert sentence.endswith(f"; expected {model.variables()[name][0]}")
    hidden = name in NOT_SHOWN or "TOKEN" in name or "SECRET" in name
    assert (f'"{value[:60]}"' in sentence) != hidden


def test_all_mistakes_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGRESS_DIAG_LEASE", "-3")
    monkeypatch.setenv("EGRESS_DIAG_TICK", "never")
    with pytest.raises(BadSetting) as raised:
        WorkerSettings()
    assert [line.split()[0] for line in str(raised.value).splitlines()] == ["EGRESS_DIAG_LEASE", "EGRESS_DIAG_TICK"]


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WorkerSettings.variables():
        monkeypatch.setenv(name, "")
    assert WorkerSettings().redis_url == "redis://127.0.0.1:6379/0"
    assert WorkerSettings().metrics_port is None


CLI = [sys.executable, "-m", "checks.cli.main"]
PROCESSES = {
    "worker": [*CLI, "worker"],
    "beat": [*CLI, "beat"],
    "listener": [*CLI, "bot", "--role", "listener", "--port", "0", "--health-port", "0"],
    "courier": [*CLI, "bot", "--role", "courier"],
    "liveness": [sys.executable, "-m", "workers.queue.liveness"],
    "doctor": [*CLI, "doctor", "--only", "configuration,workers"],
}


def run(process: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    (folder / "config.yaml").write_text("clusters: []\n")
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "EGRESS_DIAG_CONFIG": str(folder / "config.yaml"),
        "SLACK_BOT_TOKEN": "xoxb-made-up",
        "SLACK_SIGNING_SECRET": "made-up",
        **variables,
    }
    return subprocess.run(
        PROCESSES[process],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.slow
@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_ends_with_the_sentences(process: str, tmp_path: Path) -> None:
    """Before, Celery tried amqp without end, and the others ended with tracebacks."""
    ended = run(process, tmp_path, REDIS_URL="localhost:6379", EGRESS_DIAG_LEASE="-3")
    output = " ".join((ended.stdout + ended.stderr).split())  # lines have 80 columns
    assert "Traceback" not in output
    assert "REDIS_URL is not valid (its value is not shown here); expected redis://HOST:PORT/DATABASE" in output
    assert 'EGRESS_DIAG_LEASE is "-3"; expected seconds from 1 to 600' in output
    assert ended.returncode == {"liveness": 1, "doctor": 1}.get(process, 2)


@pytest.mark.slow
@pytest.mark.parametrize("process", ["listener", "courier"])
def test_the_bot_ends_if_slacks_address_is_none(process: str, tmp_path: Path) -> None:
    ended = run(process, tmp_path, SLACK_API_URL="x")
    assert "Traceback" not in ended.stderr
    assert "SLACK_API_URL is not valid" in ended.stderr
    assert ended.returncode == 2


@pytest.mark.parametrize("scheme", ["REDIS", "Rediss"])
def test_the_scheme_of_an_address_may_have_capital_letters(scheme: str) -> None:
    """The client of the records refused what the settings had accepted."""
    assert WorkerSettings(REDIS_URL=f"{scheme}://h/0").redis_url.startswith(f"{scheme.lower()}://h/0")


def test_a_heartbeat_that_cannot_be_written_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended the beat in its first round."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        monkeypatch.setenv("EGRESS_DIAG_HEARTBEAT", f"{folder}/heartbeat")
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        try:
            with pytest.raises(BadSetting, match="expected the path of a writable file"):
                WorkerSettings()
        finally:
            os.seteuid(before)


def test_redis_counts_as_named_only_if_its_address_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.delenv("REDIS_PASSWORD", raising=False)
    assert not WorkerSettings().names_redis
    monkeypatch.setenv("REDIS_URL", "redis://redis.example:6379/0")
    assert WorkerSettings().names_redis
