"""Writes the open corpus: `python -m tests.incidents.export [--add FOLDER…]`.

Each incident becomes `tests/incidents/open/<name>/` with `bundle.tar.gz`, which `egress-diag diagnose --bundle` opens on its
own, and `answer.yaml` (docs/corpus.md). The archives are the same bytes in every run. `digests.txt` names the content of each.
`--add` packs folders with `bundle/` and `answer.yaml` that were written in the open format.
"""

import gzip
import hashlib
import io
import json
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.clusters.bundles import Cluster, dump_yaml, write_bundle
from tests.incidents.answers import answer
from tests.incidents.incidents import Incident, incidents, reported

OPEN = Path(__file__).parent / "open"
DIGESTS = OPEN / "digests.txt"


def exported() -> Iterator[tuple[str, Incident]]:
    """The incidents that are exported, with their names in the corpus.

    Questions that match several gateways have no diagnosis, so they are not incidents of the corpus.
    """
    for each in incidents():
        if "ambiguous" not in each.expect:
            yield each.name, each
    for each in reported():
        yield f"report-{each.name}", each


def digest(cluster: Cluster, answered: object) -> str:
    """A digest of the content of an incident, independent of the archive's compression."""
    fields = {name: getattr(cluster, name) for name in Cluster.__slots__}
    text = json.dumps([fields, answered], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def archive(cluster: Cluster) -> bytes:
    """The cluster as a .tar.gz of a bundle, with the same bytes in every run."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "bundle"
        write_bundle(cluster, root)
        return packed(root)


def packed(root: Path) -> bytes:
    """A bundle directory as a .tar.gz without times and owners."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                entry = tarfile.TarInfo(str(path.relative_to(root)))
                entry.size = path.stat().st_size
                tar.addfile(entry, io.BytesIO(path.read_bytes()))
    return gzip.compress(plain.getvalue(), 9, mtime=0)


def main() -> None:
    """Write the incidents whose content has changed, and remove those that no longer exist."""
    before = digests()
    after: dict[str, str] = {}
    for name, incident in exported():
        answered = answer(incident)
        after[name] = digest(incident.cluster, answered)
        folder = OPEN / name
        if before.get(name) == after[name] and (folder / "bundle.tar.gz").exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bundle.tar.gz").write_bytes(archive(incident.cluster))
        (folder / "answer.yaml").write_text(dump_yaml(answered), encoding="utf-8")
        sys.stdout.write(f"written: {name}\n")
    for name in sorted(set(before) - set(after)):
        shutil.rmtree(OPEN / name, ignore_errors=True)
    DIGESTS.write_text("".join(f"{value} {name}\n" for name, value in sorted(after.items())), encoding="utf-8")
    sys.stdout.write(f"{len(after)} incidents\n")


def add(folder: Path, corpus: Path = OPEN) -> None:
    """Pack an incident in the open format into a corpus; a folder of the same name is replaced."""
    target = corpus / folder.name
    target.mkdir(parents=True, exist_ok=True)
    (target / "bundle.tar.gz").write_bytes(packed(folder / "bundle"))
    shutil.copyfile(folder / "answer.yaml", target / "answer.yaml")


def digests() -> dict[str, str]:
    """The digest of each exported incident as it was written."""
    if not DIGESTS.exists():
        return {}
    lines = DIGESTS.read_text(encoding="utf-8").splitlines()
    return {name: value for value, _, name in (line.partition(" ") for line in lines)}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--add"]:
        for each in sys.argv[2:]:
            add(Path(each))
    else:
        main()
