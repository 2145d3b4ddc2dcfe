"""The example incidents of the package, and the option `--bundle`, which can name one."""

from pathlib import Path
from typing import Any

import click

EXAMPLE = "example:"
"""The prefix of an example in place of a path."""
_PLACES = (Path(__file__).parents[1] / "examples", Path(__file__).parents[2] / "examples" / "bundles")
"""Their folder in an installed package and in a clone of the repository."""


def example_bundles() -> dict[str, Path]:
    """The folders of the examples by name, sorted; empty if the package has none."""
    folder = next((place for place in _PLACES if place.is_dir()), None)
    found = sorted(folder.iterdir()) if folder is not None else []
    return {place.name: place for place in found if (place / "bundle.yaml").is_file()}


class BundlePath(click.Path):
    """A path of a bundle, or `example:NAME`."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or not value.startswith(EXAMPLE):
            return super().convert(value, param, ctx)
        examples = example_bundles()
        name = value.removeprefix(EXAMPLE)
        if name not in examples:
            self.fail(f"there is no example {name!r}; there are: {', '.join(examples) or 'none'}", param, ctx)
        return examples[name]
