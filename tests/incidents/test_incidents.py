"""Every incident has exactly the expected root causes; no failed read makes one healthy."""

from collections.abc import Callable
from pathlib import Path

import pytest

from checks.catalogue import catalogue
from checks.docs.catalogue_page import source
from checks.facts.egress_gateway import AmbiguousGateway
from checks.model.findings import Report, Status
from checks.sources.bundle import read_bundle
from tests.clusters.bundles import read_yaml
from tests.incidents.build import EXAMPLES, EXAMPLES_FOLDER, build
from tests.incidents.incidents import HERE, Incident, incidents
from tests.incidents.judge import shortcomings
from tests.recordings import diagnosed, question, recording

ALL = incidents()


def diagnose(incident: Incident) -> Report:
    expect = incident.expect
    wanted = question(incident.cluster, expect["gateway"], expect.get("host"), expect.get("from"))
    return diagnosed(incident.cluster, wanted).finish(0.0)


@pytest.mark.parametrize("incident", ALL, ids=lambda incident: incident.name)
def test_incident(incident: Incident, record_property: Callable[[str, object], None]) -> None:
    expected = incident.expect.get("root_causes") or incident.expect.get("ambiguous") or [incident.expect["verdict"]]
    record_property("expected", ", ".join(expected))
    if "ambiguous" in incident.expect:
        with pytest.raises(AmbiguousGateway) as ambiguous:
            diagnose(incident)
        record_property("found", ", ".join(ambiguous.value.choices))
        assert list(ambiguous.value.choices) == incident.expect["ambiguous"]
        return
    report = diagnose(incident)
    # Plain text: parallel test workers can only transfer simple values.
    record_property("found", ", ".join(report.root_causes) or report.verdict.value)
    assert list(shortcomings(report, incident.expect)) == []


def test_a_built_bundle_equals_the_incident(tmp_path: Path) -> None:
    incident = next(i for i in ALL if i.name.startswith("011-"))
    build(incident, tmp_path / "bundle")
    read = read_bundle(tmp_path / "bundle")
    composed = recording(incident.cluster)
    assert sorted(map(repr, read.objects)) == sorted(map(repr, composed.objects))
    assert (read.captured_at, read.managed_cluster, read.logs) == (
        composed.captured_at,
        composed.managed_cluster,
        composed.logs,
    )
    assert read_yaml(tmp_path / "bundle" / "expect.yaml") == incident.expect
    assert incident.story.split()[0] in (tmp_path / "bundle" / "README").read_text(encoding="utf-8")


@pytest.mark.parametrize("directory", EXAMPLES)
def test_the_examples_are_up_to_date(directory: str, tmp_path: Path) -> None:
    """`python -m tests.incidents.build --examples` regenerates them."""
    build(next(i for i in ALL if i.name == EXAMPLES[directory]), tmp_path)
    written = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    example = EXAMPLES_FOLDER / directory
    assert written == {path.relative_to(example): path.read_text() for path in example.rglob("*") if path.is_file()}


def test_expectations_name_checks_that_exist() -> None:
    known = {check.slug for check in catalogue()}
    keys = ("root_causes", "failing", "may_fail", "warning", "may_warn", "unknown", "may_unknown", "includes_unknown")
    for incident in ALL:
        named = {slug for key in keys for slug in incident.expect.get(key, ()) if incident.expect.get(key) != "*"}
        assert named <= known, incident.name


def test_root_causes_are_among_the_failures() -> None:
    for incident in ALL:
        assert set(incident.expect.get("root_causes", ())) <= set(incident.expect.get("failing", ())), incident.name


def test_the_incidents_cover_every_category() -> None:
    """The incidents include a dozen double faults, eight healthy clusters, each kind of read."""
    doubles = [i for i in ALL if i.name.startswith("2")]
    healthy = [i for i in ALL if i.name.startswith("3")]
    assert len([i for i in doubles if len(i.expect["root_causes"]) > 1]) >= 12
    assert {i.expect["verdict"] for i in healthy} == {"healthy"}
    assert len(healthy) >= 8
    denied = {
        row["read"] for row in read_yaml(HERE / "forbidden-reads.yaml")["reads"] if not row["read"].startswith("/")
    }
    read = {getattr(kind.origin, "resource", "") for check in catalogue() for kind in check.reads}
    # Results of probes are read from the run, not from an API that could deny it. Counters are read only where they are
    # configured; tests/traffic denies them in each way.
    others = {"version", "probes", "metrics"}
    assert {name for name in read if name and "Microsoft." not in name} - others <= denied


@pytest.mark.parametrize("incident", [i for i in ALL if "-forbidden-" in i.name], ids=lambda incident: incident.name)
def test_a_denied_read_hides_only_checks_that_make_it(incident: Incident) -> None:
    denied = str(incident.cluster.errors[-1]["resource"])
    kind = (
        denied.split("/")[-2]
        if denied.startswith("/")
        else {"pods/log": "log of ", "prometheus": "counters of "}.get(denied, denied)
    )
    unknown = {finding.check for finding in diagnose(incident).findings if finding.status is Status.UNKNOWN}
    assert unknown <= {check.slug for check in catalogue() if any(kind in source(each) for each in check.reads)}
