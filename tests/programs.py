"""Optional programs: a test is skipped without its program; `.ci/run` installs them all."""

import shutil

import pytest


def program(*names: str) -> str:
    """The path of the first of these programs that is installed; skips the test if none is."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"{names[0]} is not installed")
    return found
