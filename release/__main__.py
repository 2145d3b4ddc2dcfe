"""`make release`: write the files of a release into a folder."""

from pathlib import Path

import click

from release.artefacts import NotReleasable, has_changes, head, make_artefacts
from release.chart import find_helm
from release.readme import REPOSITORY

ROOT = Path(__file__).parents[1]


@click.command()
@click.option("--into", type=click.Path(path_type=Path), default=ROOT / "dist", help="Empty or new folder [dist].")
@click.option("--image", default="", help="Repository of the image that the packaged chart installs by default.")
@click.option(
    "--source", default=REPOSITORY, show_default=True, help="The repository, to which notes and READMEs link."
)
@click.option(
    "--tag", default="", help="The tag of the release: refused unless it is vVERSION, with a date in CHANGELOG.md."
)
def release(into: Path, image: str, source: str, tag: str) -> None:
    """Write the wheel, chart, image context, bill of materials, notes and checksums."""
    helm = find_helm()
    if helm is None:
        raise click.ClickException("helm is not installed; it packages the chart (https://helm.sh/docs/intro/install)")
    commit = head(ROOT)
    if has_changes(ROOT):
        click.echo("Files differ from the commit; the release contains only the commit.", err=True)
    try:
        found = make_artefacts(commit, into, helm, image, tag, source)
    except NotReleasable as reason:
        raise click.ClickException(str(reason)) from None
    click.echo(f"commit {commit.identifier}")
    for path in found:
        click.echo(f"{path.stat().st_size:>10} {path.name}")


if __name__ == "__main__":
    release()
