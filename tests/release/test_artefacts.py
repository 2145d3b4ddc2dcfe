"""The files of a release: their contents, one version, and the same bytes twice."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from checks import __version__
from release.archives import read_archive
from release.artefacts import CHECKSUMS, Commit, NotReleasable, head, make_artefacts
from release.bill_of_materials import bill_of_materials
from release.chart import default_image, set_default_image
from release.image_context import context_members
from release.readme import with_absolute_links
from tests.helm.chart import CHART, helm, pods, program
from tests.helm.dockerfile import ROOT, stages

pytestmark = pytest.mark.slow

CONTEXT = f"egress-diag-{__version__}-image-context.tar.gz"
CHART_ARCHIVE = f"egress-diag-{__version__}.tgz"
BILL = f"egress-diag-{__version__}.cdx.json"
NOTES = f"egress-diag-{__version__}-notes.md"
WHEEL = f"egress_diag-{__version__}-py3-none-any.whl"
SOURCE = f"egress_diag-{__version__}.tar.gz"


def commit_of(folder: Path) -> Commit:
    """The present files of this repository as the only commit of a new one."""
    shutil.copytree(
        ROOT,
        folder,
        ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", "dist", "incidents", "recorded", ".*_cache"),
        symlinks=True,
    )
    git("init", "-q", folder=folder)
    git("add", "-A", folder=folder)
    git("commit", "-q", "-m", "the files", folder=folder)
    return head(folder)


def git(*words: str, folder: Path) -> None:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    command = [shutil.which("git") or "/usr/bin/git", "-C", str(folder), *who, *words]
    environment = {"PATH": os.defpath, "HOME": "/nonexistent", "GIT_COMMITTER_DATE": "@1767225600 +0000"}
    subprocess.run(command, check=True, capture_output=True, env=environment)


def clone(commit: Commit, into: Path) -> Path:
    git("clone", "-q", str(commit.root), str(into), folder=into.parent)
    return into


@pytest.fixture(scope="module")
def commit(tmp_path_factory: pytest.TempPathFactory) -> Commit:
    return commit_of(tmp_path_factory.mktemp("repository") / "egress-diag")


@pytest.fixture(scope="module")
def made(commit: Commit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first") / "dist"
    make_artefacts(commit, folder, program("helm"))
    return folder


def test_a_release_has_exactly_these_files_and_their_checksums(made: Path) -> None:
    assert {path.name for path in made.iterdir()} == {
        CHECKSUMS, CONTEXT, CHART_ARCHIVE, BILL, NOTES, WHEEL, SOURCE,
    }  # fmt: skip
    found = (made / CHECKSUMS).read_text().splitlines()
    others = sorted(path for path in made.iterdir() if path.name != CHECKSUMS)
    assert found == [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in others]


def test_the_same_commit_gives_the_same_bytes_later_in_another_folder_for_another_user(
    commit: Commit, made: Path, tmp_path: Path
) -> None:
    """The second clone has newer files, another umask, and a file that is not committed."""
    other = clone(commit, tmp_path / "a clone with another name")
    (other / "checks/not_committed.py").write_text("raise SystemExit\n")
    time.sleep(2)  # the resolution of times in a zip file
    before = os.umask(0o077)
    try:
        make_artefacts(head(other), tmp_path / "second", program("helm"))
    finally:
        os.umask(before)
    names = {path.name for path in made.iterdir()}
    assert {path.name for path in (tmp_path / "second").iterdir()} == names
    differ = [name for name in names if (made / name).read_bytes() != (tmp_path / "second" / name).read_bytes()]
    assert differ == []


def test_every_time_in_the_archives_is_that_of_the_commit(commit: Commit, made: Path) -> None:
    for name in (CONTEXT, CHART_ARCHIVE, SOURCE):
        with tarfile.open(made / name) as archive:
            entries = archive.getmembers()
        assert {(each.mtime, each.uid, each.gid, each.uname) for each in entries} == {(commit.moment, 0, 0, "")}, name
    moments = {each.date_time for each in zipfile.ZipFile(made / WHEEL).infolist()}
    assert moments == {time.gmtime(commit.moment)[:6]}


def test_the_wheel_and_the_source_contain_the_packages_and_nothing_of_the_tests(made: Path) -> None:
    wheel = set(zipfile.ZipFile(made / WHEEL).namelist())
    source = {name.partition("/")[2] for name in read_archive(made / SOURCE)}
    ours = {name for name in wheel if ".dist-info/" not in name}
    assert ours
    assert {name.partition("/")[0] for name in ours} == {"bot", "workers", "checks"}
    source = {name.replace("examples/bundles/", "checks/examples/") for name in source}
    assert ours <= source
    others = {"CHANGELOG.md", "LICENSE", "README.md", "release/readme.py", "PKG-INFO", "pyproject.toml", ".gitignore"}
    assert source - ours == others


def test_the_source_builds_the_same_wheel(commit: Commit, made: Path, tmp_path: Path) -> None:
    with tarfile.open(made / SOURCE) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=folder, check=True, capture_output=True,
        env={"SOURCE_DATE_EPOCH": str(commit.moment), "PATH": os.defpath},
    )  # fmt: skip
    ours, theirs = (zipfile.ZipFile(path / WHEEL) for path in (tmp_path, made))
    assert {i.filename: i.CRC for i in ours.infolist()} == {i.filename: i.CRC for i in theirs.infolist()}


def test_the_context_has_every_file_that_the_dockerfile_copies_and_no_other(made: Path) -> None:
    found = set(read_archive(made / CONTEXT))
    copied = [word for text in stages(ROOT / "Dockerfile")[0].all("COPY") for word in text.split()[:-1]]
    for name in copied:
        assert any(each == name or each.startswith(f"{name}/") for each in found), name
    assert found == set(context_members(ROOT))
    assert {"Dockerfile", ".dockerignore"} < found


def test_the_packaged_chart_installs_the_released_image_of_this_version(made: Path) -> None:
    done = helm("template", "x", str(made / CHART_ARCHIVE), values={"slack": {"existingSecret": "slack"}})
    assert done.returncode == 0, done.stderr
    images = {
        container["image"]
        for component, pod in pods(each for each in yaml.safe_load_all(done.stdout) if each)
        for container in pod["spec"]["containers"]
        if component != "redis"
    }
    assert images == {f"{default_image(CHART)}:{__version__}"}


def test_another_repository_of_the_image_becomes_the_default_of_the_chart(tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    before = (chart / "values.yaml").read_text().splitlines()
    set_default_image(chart, "registry.example/tools/egress-diag")
    after = (chart / "values.yaml").read_text().splitlines()
    assert default_image(chart) == "registry.example/tools/egress-diag"
    assert len([pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]) == 1


def test_the_notes_are_the_entry_of_the_changelog(made: Path) -> None:
    notes = re.sub(r"(?<=\]\()https://github.com/egress-diag/egress-diag/blob/v[^/]+/", "", (made / NOTES).read_text())
    first = (ROOT / "CHANGELOG.md").read_text().partition("\n## ")[2].partition("\n## ")[0].partition("\n")[2]
    assert notes.strip() == first.strip()


def test_no_page_of_a_release_has_a_link_that_works_only_in_the_repository(made: Path) -> None:
    """Before, the notes and the README of the packaged chart had relative links."""
    chart = read_archive(made / CHART_ARCHIVE)
    notes, readme = (made / NOTES).read_text(), chart["egress-diag/README.md"].content.decode()
    links = {page: re.findall(r"\]\(([^)\s]+)\)", page) for page in (notes, readme)}
    assert all(len(found) > 4 for found in links.values())
    for target in links[notes]:
        assert target.startswith("https://github.com/egress-diag/egress-diag/blob/v"), target
    for target in links[readme]:
        inside = f"egress-diag/{target.partition('#')[0]}" in chart or target.startswith("#")
        assert inside or target.startswith(f"https://github.com/egress-diag/egress-diag/blob/v{__version__}/docs/"), (
            target
        )
    assert "egress-diag/examples/hub.yaml" in chart


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("[a](pages/a.md#b)", "[a](https://x.example/me/it/blob/v1/helm/pages/a.md#b)"),
        ("[a](../pages/a.md)", "[a](https://x.example/me/it/blob/v1/pages/a.md)"),
        ('<img src="a.png" width="1">', '<img src="https://x.example/me/it/raw/v1/helm/a.png" width="1">'),
        ("[a](#here) [b](https://b.example) [c](mailto:c@d.example)",) * 2,
    ],
)
def test_relative_links_become_links_to_the_repository(link: str, expected: str) -> None:
    assert with_absolute_links(link, "1", "helm", "https://x.example/me/it") == expected


# the bill of materials


def pinned() -> dict[str, dict[str, set[str]]]:
    """Hashes by package and file, read from the requirements files as text."""
    found: dict[str, dict[str, set[str]]] = {}
    for file in (ROOT / "requirements").glob("*.txt"):
        name = ""
        for line in file.read_text().splitlines():
            if named := re.match(r"([a-z0-9][a-z0-9.-]*)(?:\[.*\])?==([^ ;]+)", line):
                name = f"pkg:pypi/{named[1]}@{named[2]}"
                found.setdefault(name, {})[file.name] = set()
            if hashed := re.search(r"--hash=sha256:(\w+)", line):
                found[name][file.name].add(hashed[1])
    return found


@pytest.fixture(scope="module")
def bill(made: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made / BILL).read_text())
    return found


def test_the_bill_of_materials_names_every_pinned_package_with_its_hashes(bill: dict[str, Any]) -> None:
    expected = pinned()
    assert len(expected) > 120
    assert {each["purl"] for each in bill["components"]} == set(expected)
    for each in bill["components"]:
        (distribution,) = each["externalReferences"]
        assert {found["content"] for found in distribution["hashes"]} == set().union(*expected[each["purl"]].values())
        assert {found["value"] for found in each["properties"]} == set(expected[each["purl"]])
        assert each["scope"] == ("required" if "image.txt" in expected[each["purl"]] else "excluded")


def test_the_bill_of_materials_says_what_it_does_not_list(bill: dict[str, Any]) -> None:
    assert "Not listed: the base image, with its Debian packages" in bill["metadata"]["component"]["description"]
    assert {each["purl"].partition("/")[0] for each in bill["components"]} == {"pkg:pypi"}


def test_the_bill_of_materials_is_valid_by_the_schema_of_the_standard(made: Path) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str((made / BILL).read_text()) is None


def test_the_bill_of_materials_names_what_each_package_depends_on(bill: dict[str, Any]) -> None:
    graph = {each["ref"]: set(each.get("dependsOn", [])) for each in bill["dependencies"]}
    names = {each["bom-ref"].partition("@")[0]: each["bom-ref"] for each in bill["components"]}
    root = bill["metadata"]["component"]["bom-ref"]
    assert root == f"pkg:pypi/egress-diag@{__version__}"
    assert {names[f"pkg:pypi/{name}"] for name in ("celery", "redis-entraid", "opentelemetry-sdk")} <= graph[root]
    assert names["pkg:pypi/kombu"] in graph[names["pkg:pypi/celery"]]
    reached, waiting = {root}, [root]
    while waiting:
        new = graph[waiting.pop()] - reached
        reached |= new
        waiting += new
    required = {each["bom-ref"] for each in bill["components"] if each["scope"] == "required"}
    assert required <= reached


@pytest.mark.parametrize(
    "text",
    ["celery>=5.6 \\\n    --hash=sha256:" + "0" * 64, "celery==5.6.3\n    # via egress-diag (pyproject.toml)"],
    ids=["no exact version", "no hash"],
)
def test_a_package_that_is_not_pinned_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "image.txt").write_text(text)
    with pytest.raises(ValueError, match="celery has no exact version or no hashes"):
        bill_of_materials(tmp_path, "egress-diag", "1.0.0", 0)


# one version


@pytest.mark.parametrize(
    ("file", "before", "after", "reason"),
    [
        ("checks/__init__.py", __version__, "9.9.9", "checks/__init__.py has version 9.9.9; Chart.yaml, version: "),
        ("helm/egress-diag/Chart.yaml", f'appVersion: "{__version__}"', 'appVersion: "9.9.9"', "Chart.yaml, appVersion: 9.9.9"),
        ("CHANGELOG.md", f"## {__version__} (", "## 9.9.9 (", "CHANGELOG.md, first entry: 9.9.9"),
    ],
)  # fmt: skip
def test_a_commit_with_two_versions_is_refused(
    file: str, before: str, after: str, reason: str, commit: Commit, tmp_path: Path
) -> None:
    other = clone(commit, tmp_path / "clone")
    text = (other / file).read_text()
    assert before in text
    (other / file).write_text(text.replace(before, after))
    git("commit", "-qam", "two versions", folder=other)
    with pytest.raises(NotReleasable, match=re.escape(reason)):
        make_artefacts(head(other), tmp_path / "dist", program("helm"))


def test_a_tag_needs_this_version_and_a_date_in_the_changelog(commit: Commit, tmp_path: Path) -> None:
    with pytest.raises(NotReleasable, match=r"the tag is v9\.9\.9; this version is"):
        make_artefacts(commit, tmp_path / "dist", program("helm"), tag="v9.9.9")
    assert "(unreleased)" in (ROOT / "CHANGELOG.md").read_text()
    with pytest.raises(NotReleasable, match=r"CHANGELOG.md has no date for .*: replace \(unreleased\)"):
        make_artefacts(commit, tmp_path / "dist", program("helm"), tag=f"v{__version__}")


def test_files_that_are_there_are_not_mixed_with_a_release(commit: Commit, tmp_path: Path) -> None:
    (tmp_path / "old.whl").touch()
    with pytest.raises(NotReleasable, match="is not empty"):
        make_artefacts(commit, tmp_path, program("helm"))
