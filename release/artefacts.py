"""All files of a release, made from a clean copy of a commit."""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from release.archives import write_archive
from release.bill_of_materials import bill_of_materials
from release.changelog import Entry, newest_entry
from release.chart import chart_versions, package_chart, set_default_image, set_links
from release.image_context import context_members
from release.readme import REPOSITORY, VERSION_FILE, source_version, with_absolute_links

NAME = "egress-diag"
CHECKSUMS = "SHA256SUMS"
_CHART = f"helm/{NAME}"


class NotReleasable(Exception):
    """The commit or the machine does not permit a release; the message says why."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the repository."""

    root: Path
    identifier: str
    moment: int
    """Its time in seconds since 1970."""

    def unpack(self, into: Path) -> None:
        """Write the files of the commit, and no other file of the working copy, into a folder."""
        packed = into.parent / "commit.tar"
        _git(self.root, "archive", "--format=tar", "-o", str(packed), self.identifier)
        with tarfile.open(packed) as archive:
            archive.extractall(into, filter="data")
        packed.unlink()


def head(root: Path) -> Commit:
    """The checked out commit of a repository."""
    identifier, moment = _git(root, "log", "-1", "--format=%H %ct").split()
    return Commit(root, identifier, int(moment))


def has_changes(root: Path) -> bool:
    """Whether files differ from the commit."""
    return bool(_git(root, "status", "--porcelain"))


def make_artefacts(
    commit: Commit, into: Path, helm: str, image: str = "", tag: str = "", source: str = REPOSITORY
) -> list[Path]:
    """Write the files of the release into an empty or new folder, and return their paths.

    `image` replaces the repository of the image that the chart installs by default. With a `tag`, only `vVERSION` of a
    version with a date in the changelog is released. `source` is the address of the repository, for links in the notes and
    in the README of the chart. Raises NotReleasable.
    """
    if into.exists() and any(into.iterdir()):
        raise NotReleasable(f"{into} is not empty")
    into.mkdir(parents=True, exist_ok=True)
    into = into.resolve()  # the builds run in other folders
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        commit.unpack(tree)
        version, entry = source_version(tree), newest_entry((tree / "CHANGELOG.md").read_text(encoding="utf-8"))
        _refuse_mismatches(tree, version, entry, tag)
        if image:
            set_default_image(tree / _CHART, image)
        try:
            _build(tree, into, commit.moment, "wheel", "sdist")
            set_links(tree / _CHART, version, _CHART, source)
            package_chart(helm, tree / _CHART, into, commit.moment)
        except subprocess.CalledProcessError as failed:
            raise NotReleasable(f"{' '.join(map(str, failed.cmd))}\n{failed.stdout}{failed.stderr}") from None
        write_archive(into / f"{NAME}-{version}-image-context.tar.gz", context_members(tree), commit.moment)
        bill = bill_of_materials(tree / "requirements", NAME, version, commit.moment)
        (into / f"{NAME}-{version}.cdx.json").write_text(bill, encoding="utf-8")
        (into / f"{NAME}-{version}-notes.md").write_text(
            with_absolute_links(f"{entry.text}\n", version, repository=source), encoding="utf-8"
        )
    checksums = "".join(f"{digest}  {path.name}\n" for path, digest in _digests(into))
    (into / CHECKSUMS).write_text(checksums, encoding="utf-8")
    return sorted(into.iterdir())


def _refuse_mismatches(tree: Path, version: str, entry: Entry, tag: str) -> None:
    named = {
        f"Chart.yaml, {key}": found
        for key, found in zip(("version", "appVersion"), chart_versions(tree / _CHART), strict=True)
    }
    named["CHANGELOG.md, first entry"] = entry.version
    for place, found in named.items():
        if found != version:
            raise NotReleasable(f"{VERSION_FILE} has version {version}; {place}: {found}")
    if tag and tag != f"v{version}":
        raise NotReleasable(f"the tag is {tag}; this version is v{version}")
    if tag and entry.released is None:
        raise NotReleasable(f"CHANGELOG.md has no date for {version}: replace (unreleased)")


def _build(tree: Path, into: Path, moment: int, *targets: str) -> None:
    environment = {"SOURCE_DATE_EPOCH": str(moment), "PATH": "/usr/bin:/bin", "HOME": str(tree.parent)}
    command = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "-d",
        str(into),
        *(word for each in targets for word in ("-t", each)),
    ]
    subprocess.run(command, cwd=tree, env=environment, check=True, capture_output=True, text=True)


def _digests(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.iterdir()):
        yield path, hashlib.sha256(path.read_bytes()).hexdigest()


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
