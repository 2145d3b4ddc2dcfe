"""The build context of the image: the files that `.dockerignore` lets through."""

from fnmatch import fnmatch
from pathlib import Path

from release.archives import Member


def context(root: Path) -> list[Path]:
    """The files of the build context according to .dockerignore, relative to `root`.

    The last pattern that matches decides, as for docker build.
    """
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    found: list[Path] = []
    for top in sorted({rule.removeprefix("!").split("/")[0] for rule in rules if rule.startswith("!")}):
        place = root / top
        paths = [place] if place.is_file() else sorted(each for each in place.rglob("*") if each.is_file())
        found += [path.relative_to(root) for path in paths if _is_sent(path.relative_to(root), rules)]
    return found


def context_members(root: Path) -> dict[str, Member]:
    """The build context with the Dockerfile, as `docker build -` reads it."""
    paths = [Path("Dockerfile"), Path(".dockerignore"), *context(root)]
    return {path.as_posix(): Member((root / path).read_bytes()) for path in paths}


def _is_sent(path: Path, rules: list[str]) -> bool:
    sent = True
    for rule in rules:
        wanted, pattern = rule.startswith("!"), rule.removeprefix("!")
        names = [path, *path.parents][:-1]
        if any(fnmatch(str(name), pattern) or _matches_anywhere(name, pattern) for name in names):
            sent = wanted
    return sent


def _matches_anywhere(path: Path, pattern: str) -> bool:
    return pattern.startswith("**/") and fnmatch(path.name, pattern.removeprefix("**/"))
