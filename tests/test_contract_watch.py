"""`egress-diag watch` prints changes only, until the gateway is fixed or the time is over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.clusters.bundles import write_bundle
from tests.clusters.compose import named
from tests.command_line import ENVIRONMENT, PROGRAM, ROOT, ask, refused

EXAMPLES = ROOT / "examples/bundles"
GATEWAY = "team-egress/egw"

pytestmark = pytest.mark.slow


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A link to a bundle, which a test can turn to another."""
    write_bundle(named("base"), tmp_path / "healthy")
    link = tmp_path / "now"
    link.symlink_to(EXAMPLES / "gateway-pool-missing")
    return link


def turn(link: Path, to: Path) -> None:
    other = link.with_name("next")
    other.symlink_to(to)
    other.rename(link)


def started(bundle: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(PROGRAM), "watch", "x", GATEWAY, "--bundle", str(bundle), "--every", "1", *words],
        env=dict(ENVIRONMENT),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )


def first_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode()


def rest(process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """The further output and the errors, when the command has ended."""
    out, err = process.communicate(timeout=60)
    return out.decode(), err.decode()


def test_it_prints_changes_only_and_ends_when_the_gateway_is_fixed(bundle: Path) -> None:
    with started(bundle) as process:
        assert first_line(process).endswith(" UTC\n")
        time.sleep(2.5)  # more checks with the same result
        turn(bundle, bundle.with_name("healthy"))
        out, err = rest(process)
    assert process.returncode == 0
    assert out.count("Broken: ") == 1
    assert out.count("Root cause  EG407 ") == 1
    assert out.count("Healthy: ") == 1
    assert out.index("Broken: ") < out.index("Healthy: ")
    assert max(map(len, [*out.splitlines(), *err.splitlines()])) <= 80
    assert " Passed 3 checks in a row after " in err
    assert err.endswith(": healthy.\n")


def test_it_ends_with_the_last_verdict_when_the_time_is_over(bundle: Path) -> None:
    answer = ask("watch", "x", GATEWAY, "--bundle", bundle, "--for", "2s", "--every", "1")
    assert answer.code == 1
    assert answer.out.count("Broken: ") == 1
    assert "The time of the watch is over after " in answer.err


def test_an_interval_that_is_longer_than_the_watch_ends_with_a_last_check(bundle: Path) -> None:
    answer = ask("watch", "x", GATEWAY, "--bundle", bundle, "--for", "1s", "--every", "30")
    assert "The time of the watch is over after 2 checks" in answer.err


def test_each_change_is_one_json_document_per_line(bundle: Path) -> None:
    answer = ask("watch", "x", GATEWAY, "--bundle", bundle, "--for", "1s", "--every", "1", "--output", "json")
    (line,) = answer.out.splitlines()
    assert json.loads(line)["root_causes"] == ["gateway-pool-missing"]
    assert answer.code == 1


def test_a_signal_ends_it_with_the_last_verdict(bundle: Path) -> None:
    with started(bundle) as process:
        first_line(process)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGINT)
        out, err = rest(process)
    assert process.returncode == 1
    assert "Broken: " in out
    assert "Ended by SIGINT after " in err
    assert "Traceback" not in err


def test_an_unknown_gateway_and_a_wrong_duration_are_usage_errors(bundle: Path) -> None:
    assert "egw" in refused("watch", "x", "team-egress/egv", "--bundle", bundle)
    assert "expected a duration such as 30d, 8h or 90s" in refused("watch", "x", GATEWAY, "--for", "soon")
    assert "expected a duration above 0" in refused("watch", "x", GATEWAY, "--for", "0s")
