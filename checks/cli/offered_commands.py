"""The commands that our installed distributions offer, read without `importlib.metadata`.

It imports the parser of email messages, which took a third of the time of `egress-diag --help`.
"""

import os
import sys

COMMANDS_GROUP = "egress_diag.commands"


def offered_names() -> frozenset[str]:
    """The names of the commands in `entry_points.txt` of each installed `egress_diag…`."""
    found = frozenset(name for folder in sys.path for file in _files(folder or ".") for name in _names(file))
    return found if has_demo() else found - {"demo"}


def has_demo() -> bool:
    """Whether the package has the sandbox; the image is built without it."""
    packages = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - as below
    return os.path.isdir(os.path.join(packages, "bot", "sandbox"))  # noqa: PTH112, PTH118 - as below


def _files(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            found = [
                each.path
                for each in entries
                if each.name.startswith("egress_diag") and each.name.endswith(".dist-info")
            ]
    except OSError:  # not a folder, or not readable: Python skips it as well
        return []
    return [os.path.join(each, "entry_points.txt") for each in found]  # noqa: PTH118 - pathlib is not needed for the help


def _names(file: str) -> list[str]:
    try:
        with open(file, encoding="utf-8") as opened:  # noqa: PTH123 - as above
            lines = [line.strip() for line in opened]
    except OSError:
        return []
    names, section = [], ""
    for line in lines:
        if line.startswith("["):
            section = line.strip("[]")
        elif section == COMMANDS_GROUP and "=" in line:
            names.append(line.partition("=")[0].strip())
    return names
