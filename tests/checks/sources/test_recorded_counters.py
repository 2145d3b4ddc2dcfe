"""Counters in a bundle: the replay has the same facts and failed reads, byte for byte."""

from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import pytest

from checks.facts.fact import CountersWanted, Gap
from checks.sources.bundle import BundleError, read_bundle
from checks.sources.counter_entries import counters_problem
from checks.sources.recorded import RecordedSource, Recording
from checks.sources.recording import RecordingSource
from checks.sources.source import Answer, NotCovered, Objects, OtherReads
from tests.clusters.counters import counters

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
WANTED = CountersWanted(())
ENTRIES = counters(
    [{"http": {"edition.cnn.com": {"200 -": 5}}}, {"idle": "team-egress/egw-asm-1-30-def"}], f"{NOW:%FT%TZ}"
)


def written(folder: Path, answer: Answer) -> RecordedSource:
    class Live(RecordedSource):
        def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer:
            del wanted, deadline, others
            return answer

    source = RecordingSource(Live(Recording("weu", NOW, ())), "weu")
    assert source.proxy_counters(WANTED, monotonic() + 10) == answer
    source.write(folder / "bundle")
    return RecordedSource(read_bundle(folder / "bundle"))


def test_the_replay_has_the_same_counters(tmp_path: Path) -> None:
    replay = written(tmp_path, Objects(ENTRIES))
    assert replay.proxy_counters(WANTED, 0) == Objects(ENTRIES)
    again = RecordingSource(replay, "weu")
    again.proxy_counters(WANTED, monotonic() + 10)
    again.write(tmp_path / "again")
    assert (tmp_path / "again/metrics.json").read_bytes() == (tmp_path / "bundle/metrics.json").read_bytes()


def test_without_a_source_of_counters_there_is_no_file(tmp_path: Path) -> None:
    replay = written(tmp_path, NotCovered())
    assert replay.proxy_counters(WANTED, 0) == NotCovered()
    assert not (tmp_path / "bundle/metrics.json").exists()


@pytest.mark.parametrize(
    "gap",
    [
        Gap("metrics", "query", "prometheus", 401, "Prometheus refuses the credentials"),
        Gap("metrics", "get", "pods/proxy", 403, "forbidden"),
        Gap("metrics", "get", "metrics", 504, "no answer before the run's deadline"),
    ],
)
def test_a_failed_read_fails_again(gap: Gap, tmp_path: Path) -> None:
    assert written(tmp_path, gap).proxy_counters(WANTED, 0) == gap


def test_a_failed_read_of_one_pod_fails_again_beside_the_others(tmp_path: Path) -> None:
    gap = Gap("metrics", "get", "pods/proxy", 503, "connection refused", "team-egress", "egw-2")
    answer = Objects(ENTRIES, (gap,))
    assert written(tmp_path, answer).proxy_counters(WANTED, 0) == answer


def test_secrets_in_labels_are_redacted(tmp_path: Path) -> None:
    token = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlc2lnbmF0dXJl"
    (entry, _) = ENTRIES
    series = [{"metric": "istio_requests_total", "labels": {"destination_service": token}, "values": [1] * 16}]

    class Live(RecordedSource):
        def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer:
            del wanted, deadline, others
            return Objects(({**entry, "series": series},))

    source = RecordingSource(Live(Recording("weu", NOW, ())), "weu")
    source.proxy_counters(WANTED, monotonic() + 10)
    source.write(tmp_path / "bundle")
    assert "c2lnbmF0dXJl" not in (tmp_path / "bundle/metrics.json").read_text()


def changed(**change: Any) -> list[dict[str, Any]]:
    return [{**ENTRIES[0], **change}]


SERIES = ENTRIES[0]["series"][0]
WRONG = {
    "a mapping": {"source": "pods"},
    "no entry": ["x"],
    "source": changed(source="datadog"),
    "role": changed(role="router"),
    "pod": changed(pod=7),
    "times": changed(times=["yesterday"]),
    "times of another order": changed(times=list(reversed(ENTRIES[0]["times"]))),
    "no times": changed(times=None),
    "no series": changed(series={}),
    "a series without a metric": changed(series=[{**SERIES, "metric": ""}]),
    "labels": changed(series=[{**SERIES, "labels": {"a": 1}}]),
    "too few values": changed(series=[{**SERIES, "values": [1]}]),
    "a value beyond 64 bits": changed(series=[{**SERIES, "values": [1e300] * 16}]),
    "left out as a text": changed(left_out="true"),
    "a scrape without a time": changed(scraped="lately"),
    "a negative value": changed(series=[{**SERIES, "values": [-1] * 16}]),
    "a value of another type": changed(series=[{**SERIES, "values": [True] * 16}]),
}


@pytest.mark.parametrize("name", WRONG)
def test_another_content_is_refused_with_what_was_expected(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    about = "apiVersion: egress-diag/v1\nkind: Bundle\ncluster: a\ncaptured_at: 2026-11-23T10:00:00Z\n"
    (folder / "bundle.yaml").write_text(about)
    (folder / "metrics.json").write_bytes(orjson.dumps(WRONG[name]))
    with pytest.raises(BundleError, match=r"metrics.json: .+; expected .+"):
        read_bundle(folder)


def test_too_many_values_are_refused() -> None:
    times = [f"2026-11-23T09:{minute:02}:{second:02}Z" for minute in range(60) for second in range(60)]
    series = [{"metric": "m", "labels": {}, "values": [1] * len(times)}]
    problem = counters_problem([{**ENTRIES[0], "times": times, "series": series}] * 600)
    assert problem is not None
    assert "2,000,000 values" in problem[0]
