"""The command that adds an extra to this installation."""

import json
import shlex
import sys
from importlib.metadata import distribution
from pathlib import Path


def command_with_extra(extra: str) -> str:
    """The command that installs the package again from where it came, with an extra.

    pip records the origin in direct_url.json (PEP 610), unless it is an index.
    """
    origin = json.loads(distribution("egress-diag").read_text("direct_url.json") or "{}")
    url = str(origin.get("url", ""))
    if origin.get("dir_info", {}).get("editable"):
        return (
            f"{shlex.quote(sys.executable)} -m pip install -e {shlex.quote(url.removeprefix('file://') + f'[{extra}]')}"
        )
    package = shlex.quote(f"egress-diag[{extra}]" + (f" @ {url}" if url else ""))
    if "pipx" in Path(sys.prefix).parts:
        return f"pipx install --force {package}"
    return f"{shlex.quote(sys.executable)} -m pip install {package}"
