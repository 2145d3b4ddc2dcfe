"""A pause of Python's garbage collector while checks are evaluated."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """No garbage collection in this block.

    Each full collection would traverse all facts and everything that was derived from them, and find nothing: the store
    keeps them until the end of the run.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
