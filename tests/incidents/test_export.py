"""The open corpus has what the composed incidents have."""

import gzip
from pathlib import Path

import pytest

from checks.sources.bundle import read_bundle
from tests.clusters.bundles import read_yaml
from tests.incidents.answers import answer
from tests.incidents.export import OPEN, add, archive, digest, digests, exported
from tests.recordings import recording

EXPORTED = dict(exported())


def test_the_corpus_is_up_to_date() -> None:
    """`python -m tests.incidents.export` writes it again."""
    assert digests() == {name: digest(each.cluster, answer(each)) for name, each in EXPORTED.items()}


@pytest.mark.parametrize("name", [list(EXPORTED)[number] for number in (0, 30, 90, 200)])
def test_a_bundle_is_the_incident(name: str) -> None:
    folder, incident = OPEN / name, EXPORTED[name]
    committed = (folder / "bundle.tar.gz").read_bytes()
    assert gzip.decompress(committed) == gzip.decompress(archive(incident.cluster))
    read = read_bundle(folder / "bundle.tar.gz")
    assert sorted(map(repr, read.objects)) == sorted(map(repr, recording(incident.cluster).objects))
    assert read_yaml(folder / "answer.yaml") == answer(incident)


@pytest.mark.slow
def test_every_archive_is_the_incident() -> None:
    different = [
        name
        for name, each in EXPORTED.items()
        if gzip.decompress((OPEN / name / "bundle.tar.gz").read_bytes()) != gzip.decompress(archive(each.cluster))
        or read_yaml(OPEN / name / "answer.yaml") != answer(each)
    ]
    assert different == []


def test_a_folder_in_the_open_format_is_packed(tmp_path: Path) -> None:
    written = tmp_path / "900-own"
    (written / "bundle").mkdir(parents=True)
    (written / "bundle" / "bundle.yaml").write_text("kind: Bundle\n", encoding="utf-8")
    (written / "answer.yaml").write_text("title: an incident\n", encoding="utf-8")
    add(written, tmp_path / "open")
    packed = tmp_path / "open" / "900-own"
    assert b"kind: Bundle" in gzip.decompress((packed / "bundle.tar.gz").read_bytes())
    assert (packed / "answer.yaml").read_text(encoding="utf-8") == "title: an incident\n"
