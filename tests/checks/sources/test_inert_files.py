"""Control characters from the cluster do not act in files and output."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path
from time import monotonic

import orjson
import pytest

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig
from checks.facts.fact import PodName
from checks.facts.pods import Pod
from checks.model.findings import Report
from checks.model.inert_text import BIDIRECTIONAL, inert
from checks.model.question import Question
from checks.reports.document import REPORT
from checks.reports.markdown import markdown
from checks.sources.live import open_source
from checks.sources.recording import RecordingSource
from checks.sources.run import run
from checks.sources.source import Objects
from tests.clusters.compose import compose, named, write_bundle

CONTROLS = [*map(chr, BIDIRECTIONAL), "\x1b", "\x9b", "\u2028"]
HOSTILE = "".join(CONTROLS)
NAME = f"gwpool{HOSTILE}evil"
LOGGED = inert(NAME).partition(r"\u2028")[0]
"""The line of a log: U+2028 separates lines."""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A cluster whose static gateway names a node pool with every control character."""
    sgc = {"kind": "StaticGatewayConfiguration", "metadata": {"namespace": "team-egress", "name": "*"}}
    pod = {
        "kind": "Pod",
        "metadata": {"namespace": "*", "name": "*", "annotations": {"note": f"a\n{NAME}\nb", "x": NAME}},
    }
    cluster = compose(
        named("base"),
        {
            "change": [{**sgc, "spec": {"gatewayNodepoolName": NAME}}, pod],
            "logs": {name: f"{text}\n{NAME}\n" for name, text in named("base").logs.items()},
            "azure": {"managed_cluster": {"tags": {"owner": NAME}}},
        },
    )
    write_bundle(cluster, tmp_path / "bundle")
    return tmp_path / "bundle"


def acting(content: str) -> set[str]:
    """The control characters in a text."""
    return {f"{ord(c):04x}" for c in CONTROLS if c in content}


def diagnosed(entry: ClusterConfig, recorder: RecordingSource) -> Report:
    question = Question(entry.identity, "egw", "team-egress")
    (report,) = [step for step in run(recorder, question, catalogue(), 60) if isinstance(step, Report)]
    return report


def test_a_recorded_bundle_contains_none_and_replays_to_the_same_report(bundle: Path, tmp_path: Path) -> None:
    entry = ClusterConfig(name="prod", bundle=bundle)
    recorder = RecordingSource(open_source(entry), "prod")
    report = diagnosed(entry, recorder)
    recorder.write(tmp_path / "recorded.tar.gz")
    with tarfile.open(tmp_path / "recorded.tar.gz") as archive:
        files = {each.name: archive.extractfile(each) for each in archive if each.isfile()}
        contents = {name: file.read().decode() for name, file in files.items() if file is not None}
    assert {name: acting(text) for name, text in contents.items() if acting(text)} == {}
    assert any(inert(NAME) in text for name, text in contents.items() if name.endswith(".yaml"))
    assert any(inert(NAME) in text for name, text in contents.items() if name.endswith(".json"))
    assert any(LOGGED in text for name, text in contents.items() if name.endswith(".log"))
    recorded = ClusterConfig(name="prod", bundle=tmp_path / "recorded.tar.gz")
    replayed = diagnosed(recorded, RecordingSource(open_source(recorded), "prod"))
    assert replayed.findings == report.findings
    source = open_source(recorded)
    pods = source.list_objects(Pod.origin, monotonic() + 10)
    assert isinstance(pods, Objects)
    assert pods.raw[0]["metadata"]["annotations"]["x"] == NAME, "objects are recorded unchanged"


def test_a_log_is_read_as_it_is_recorded(bundle: Path) -> None:
    source = open_source(ClusterConfig(name="prod", bundle=bundle))
    namespace, pod, container = next(iter(named("base").logs)).split("/")
    read = RecordingSource(source, "prod").pod_log(PodName(namespace, pod), container, 100, monotonic() + 10)
    assert isinstance(read, Objects)
    assert LOGGED in read.raw[0]["text"]


def test_a_report_in_markdown_contains_none(bundle: Path) -> None:
    entry = ClusterConfig(name="prod", bundle=bundle)
    report = diagnosed(entry, RecordingSource(open_source(entry), "prod"))
    assert acting(REPORT.dump_json(report).decode()), "the report names the node pool"
    page = markdown(report)
    assert acting(page) == set()
    assert r"gwpool\u061c" in page.replace("\\\\", "\\")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_the_output_of_a_command_contains_none(bundle: Path, form: str) -> None:
    command = [sys.executable, "-m", "checks.cli.main", "diagnose", "prod", "team-egress/egw"]
    done = subprocess.run(
        [*command, "--bundle", str(bundle), "--output", form], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1, done.stderr
    assert acting(done.stdout) == set()
    if form == "json":
        assert NAME in orjson.dumps(orjson.loads(done.stdout)).decode() or any(
            NAME in each["summary"] for each in orjson.loads(done.stdout)["findings"]
        )


def test_other_characters_stay() -> None:
    text = "ä 漢字 عربي עברית 👩‍🔧 \t a\r\n"
    assert inert(text) == text
