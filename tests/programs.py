"""Programs that a machine may lack. A test that needs one is skipped with its name, and `.ci/run` installs them all."""

import shutil

import pytest


def program(*names: str) -> str:
    """The path of the first of these programs that is here; skips the test on a machine with none of them."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"{names[0]} is not installed")
    return found
