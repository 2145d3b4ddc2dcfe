"""Pages outside the repository: README of the package and of the chart, notes of a release.

hatchling runs this file when it builds the package (pyproject.toml).
"""

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

REPOSITORY = "https://github.com/egress-diag/egress-diag"
"""The public repository; `make release SOURCE=…` names another one."""

VERSION_FILE = "checks/__init__.py"
_LINK = re.compile(r"(?P<before>\]\(|<img src=\")(?P<target>[^)\"\s]+)(?P<after>[)\"])")
_PICTURES = (".png", ".svg")


def with_absolute_links(page: str, version: str, folder: str = "", repository: str = REPOSITORY) -> str:
    """A page with its relative links as links to the repository, at the tag of the version.

    `folder` is the folder of the page in the repository. Links within the page stay as they are.
    """

    def absolute(found: re.Match[str]) -> str:
        target = found["target"]
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        path, mark, anchor = target.partition("#")
        place = normpath(PurePosixPath(folder, path))
        base = f"{repository}/blob/v{version}"
        if place.endswith(_PICTURES):
            base = f"{repository}/raw/v{version}"
        return f"{found['before']}{base}/{place}{mark}{anchor}{found['after']}"

    return _LINK.sub(absolute, page)


def source_version(root: Path) -> str:
    """The version in the source, without importing it."""
    text = (root / VERSION_FILE).read_text(encoding="utf-8")
    (found,) = [line for line in text.splitlines() if line.startswith("__version__ = ")]
    return found.partition(" = ")[2].strip('"')


class Readme(MetadataHookInterface):
    """Sets the description of the package."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README of the repository with absolute links."""
        root = Path(self.root)
        version = source_version(root)
        text = with_absolute_links((root / "README.md").read_text(encoding="utf-8"), version)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
