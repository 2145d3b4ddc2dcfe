"""The packaged chart: what `helm package` writes, with the time of the commit."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

from release.archives import read_archive, write_archive
from release.readme import with_absolute_links

_REPOSITORY = re.compile(r"(?<=^image:\n)((?:  .*\n)*?)  repository: .*$", re.MULTILINE)


def package_chart(helm: str, chart: Path, into: Path, moment: int) -> Path:
    """Write the packaged chart into a folder.

    Raises subprocess.CalledProcessError with the output of helm. helm writes the time of the packaging into the archive, so
    its files are packed again.
    """
    with tempfile.TemporaryDirectory() as folder:
        # The user's plugins, repositories and settings of helm have no influence.
        environment = {"PATH": "/usr/bin:/bin", "HOME": folder}
        command = [helm, "package", str(chart), "--destination", folder]
        subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        (packed,) = Path(folder).glob("*.tgz")
        target = into / packed.name
        write_archive(target, read_archive(packed), moment)
    return target


def chart_versions(chart: Path) -> tuple[str, str]:
    """`version` and `appVersion` of a chart."""
    found = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    return str(found["version"]), str(found["appVersion"])


def default_image(chart: Path) -> str:
    """The repository of the image that the chart installs by default."""
    return str(yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))["image"]["repository"])


def set_default_image(chart: Path, repository: str) -> None:
    """Replace the default repository of the image in values.yaml."""
    values = chart / "values.yaml"
    text = values.read_text(encoding="utf-8")
    values.write_text(_REPOSITORY.sub(lambda found: f"{found[1]}  repository: {repository}", text, count=1), "utf-8")
    if default_image(chart) != repository:
        raise ValueError("values.yaml has no image.repository")


def set_links(chart: Path, version: str, folder: str, repository: str) -> None:
    """Make the links of the chart's README absolute, but for files of the chart itself."""
    readme = chart / "README.md"
    text = readme.read_text(encoding="utf-8")
    inside = {found for found in re.findall(r"\]\(([^)#:]+)\)", text) if (chart / found).exists() and ".." not in found}
    kept = re.sub(r"\]\(([^)#:]+)\)", lambda found: f"](chart:{found[1]})" if found[1] in inside else found[0], text)
    readme.write_text(with_absolute_links(kept, version, folder, repository).replace("](chart:", "]("), "utf-8")


def find_helm() -> str | None:
    """The path of helm, from PATH."""
    return shutil.which("helm")
