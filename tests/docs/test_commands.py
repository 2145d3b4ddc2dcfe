"""Every command on these pages runs as printed or states its needs; the pages are complete."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from prometheus_client import REGISTRY

import bot.doctor.part
import bot.slack.metrics
import checks.doctor.parts
import workers.doctor.part
import workers.telemetry.metrics
from bot.sandbox import App, RateLimits, SandboxServer
from checks.cli.main import main
from tests.bot.slack.test_manifest import scopes
from tests.clusters.compose import named, write_bundle
from tests.docs.commands import ROOT, Block, blocks
from tests.docs.test_citations import anchors
from tests.programs import program
from tests.redis_server import RedisServer, find_free_port
from tests.system import PATIENT, System, complete, whole_thread

pytestmark = pytest.mark.slow  # make check runs only fast tests

BASH = shutil.which("bash") or "/bin/bash"
PAGES = ("docs/operate.md", "docs/redis.md", "docs/security.md", "docs/slack-app.md", "docs/troubleshooting.md")
ALL = tuple(block for page in (*PAGES, "docs/upgrade.md") for block in blocks(page))
RUN = tuple(block for block in ALL if not block.needs)
PROGRAMS = ("curl", "jq", "redis-cli")
"""Programs in the commands of the pages that a machine may not have."""
MARKED = tuple(block for block in ALL if block.needs)


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A complete installation after one run, with metrics of the worker on a port."""
    folder = tmp_path_factory.mktemp("installation")
    write_bundle(named("base"), folder / "bundle")
    for name in ("bot", "helm"):
        (folder / name).symlink_to(ROOT / name)
    config = folder / "egress-diag.yaml"
    config.write_text(
        f"clusters: [{{name: replay, bundle: '{folder / 'bundle'}'}}]\n"
        "access: [{allow: [diagnose], users: ['*'], channels: [C0OPS]}]\n"
    )
    redis = RedisServer(folder, durable=True)
    redis.start()
    with SandboxServer(app=App(scopes=scopes()), limits=RateLimits.off(), timing=PATIENT) as slack:
        installation = System(folder, redis, slack, config)
        port = find_free_port()
        try:
            installation.environment["EGRESS_DIAG_METRICS_PORT"] = str(port)
            installation.start("worker")
            del installation.environment["EGRESS_DIAG_METRICS_PORT"]
            for name in ("beat", "listener", "courier"):
                installation.start(name)
            installation.wait_ready()
            slack.say("/egress-diag replay team-egress/egw")
            installation.wait(lambda: complete(whole_thread(slack)), 90, "the thread is not complete")
            installation.environment["WORKER_METRICS"] = str(port)
            yield installation
        finally:
            installation.__exit__()
            redis.kill()


@pytest.mark.slow
@pytest.mark.parametrize("block", RUN, ids=str)
def test_a_command_succeeds_as_printed(block: Block, system: System) -> None:
    for name in PROGRAMS:
        if re.search(rf"(^|[|] *){name} ", block.script, re.MULTILINE):
            program(name)
    script = block.script.replace("127.0.0.1:3001", f"127.0.0.1:{system.health_port}")
    script = script.replace("127.0.0.1:9090", f"127.0.0.1:{system.environment['WORKER_METRICS']}")
    done = subprocess.run(
        [BASH, "-euo", "pipefail", "-c", script],
        cwd=system.folder,
        env={**system.environment, "PATH": f"{Path(sys.executable).parent}:{system.environment['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == block.exits, f"{script}\n{done.stdout}\n{done.stderr}"
    # A copy, a file, and a list of problems when there are none: these commands print nothing.
    assert done.stdout or any(word in script for word in ("--rdb", " -o ", " > ", "select(")), script
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("block", ALL, ids=str)
def test_a_command_is_valid_shell(block: Block) -> None:
    done = subprocess.run([BASH, "-n", "-c", block.script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", [block for block in MARKED if "egress-diag " in block.script], ids=str)
def test_egress_diag_commands_inside_other_commands_exist_with_their_options(block: Block) -> None:
    for words in re.findall(r"-- egress-diag ([^|\n]+)", block.script):
        name, *arguments = words.split()
        with click.Context(main) as context:
            command = main.get_command(context, name)
            assert command is not None, words
            known = {option for each in command.params for option in each.opts}
        assert {word for word in arguments if word.startswith("--")} <= known, words


@pytest.mark.parametrize("block", [block for block in MARKED if block.needs == "kubernetes"], ids=str)
def test_objects_in_kubectl_commands_are_in_the_chart(block: Block) -> None:
    templates = {path.stem for path in (ROOT / "helm/egress-diag/templates").glob("*.yaml")}
    named_there = re.findall(r"(?:deploy|deployment|statefulset)/egress-diag-(\w+)", block.script)
    assert set(named_there) <= templates


def test_a_block_with_needs_states_them_on_the_page() -> None:
    for block in MARKED:
        above = text(block.page).splitlines()[: block.line - 2]
        assert any(line.strip() == f"*{block.needs.capitalize()}*" for line in above[-3:]), str(block)


def test_every_page_has_commands_that_run() -> None:
    assert {block.page for block in RUN} == set(PAGES)


# the pages are complete


def test_troubleshooting_explains_each_requirement_of_doctor() -> None:
    known = [*checks.doctor.parts.REQUIREMENTS, *workers.doctor.part.REQUIREMENTS, *bot.doctor.part.SLACK_REQUIREMENTS]
    page = text("docs/troubleshooting.md")
    assert [each.name for each in known if not re.search(rf"^- .*`{each.name}`", page, re.MULTILINE)] == []


def test_operate_lists_exactly_the_existing_metrics() -> None:
    ours = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name
        for metric in REGISTRY.collect()
        if metric.name.startswith("egress_diag_")
    }
    # Read from Redis at the time of the scrape.
    ours |= {"egress_diag_queue_messages", "egress_diag_queue_age_seconds", "egress_diag_courier_lag_seconds"}
    ours.add("egress_diag_round_age_seconds")
    ours |= {"egress_diag_redis_memory_bytes", "egress_diag_redis_memory_limit_bytes"}
    ours |= {
        "egress_diag_evidence_deleted_early_total",
        "egress_diag_canary_age_seconds",
        "egress_diag_canary_interval_seconds",
    }
    table = [line for line in text("docs/operate.md").splitlines() if line.startswith("| `egress_diag_")]
    named_there = set(re.findall(r"`(egress_diag_\w+)", "\n".join(line.split("|")[1] for line in table)))
    assert named_there == ours


def test_the_slack_page_explains_exactly_the_scopes_of_the_manifest() -> None:
    page = text("docs/slack-app.md").partition("## Scopes")[2].partition("App-level token")[0]
    assert set(re.findall(r"^\| `([\w:.]+)` \|", page, re.MULTILINE)) == scopes()


@cache
def test_links_between_the_pages_resolve() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text(page)):
            file, _, anchor = target.partition("#")
            path = (ROOT / page).parent / file if file else ROOT / page
            assert path.exists(), f"{page}: {target}"
            if anchor:
                assert anchor in anchors(path.resolve()), f"{page}: {target}"
