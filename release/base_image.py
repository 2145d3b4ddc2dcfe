"""Pin the base image of the Dockerfile by the present digest of its tag, for `make lock`.

The digest is that of the index of all platforms, as `docker buildx imagetools inspect` prints it. Without an answer of the
registry, the Dockerfile keeps what it has. A release cannot do without: `--print` names the base image with the digest of
the Dockerfile, otherwise with the present one, and fails without an answer.
"""

import json
import re
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import click

ROOT = Path(__file__).parents[1]
REGISTRY = "https://registry-1.docker.io"
LOGIN = "https://auth.docker.io/token?service=registry.docker.io&scope=repository:{repository}:pull"
_ARGUMENT = re.compile(
    r"^(ARG PYTHON_IMAGE=)(?P<name>[a-z0-9./-]+):(?P<tag>[\w.-]+)(?:@sha256:[0-9a-f]{64})?$", re.MULTILINE
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TYPES = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"


class NoDigest(Exception):
    """The registry did not name a digest; the message says why."""


def digest_of(repository: str, tag: str, registry: str = REGISTRY, login: str = LOGIN) -> str:
    """The digest of a tag of a public image, as `sha256:…`. Raises NoDigest.

    Source: OCI distribution specification, "Pulling manifests", and Docker's token authentication.
    """
    try:
        with urlopen(login.format(repository=repository), timeout=20) as answer:  # noqa: S310 - HTTPS
            token = json.loads(answer.read())["token"]
        headers = {"Authorization": f"Bearer {token}", "Accept": _TYPES}
        request = Request(f"{registry}/v2/{repository}/manifests/{tag}", method="HEAD", headers=headers)  # noqa: S310 - HTTPS
        with urlopen(request, timeout=20) as answer:  # noqa: S310 - the same
            digest = answer.headers.get("Docker-Content-Digest", "")
    except (URLError, OSError, ValueError, KeyError) as failed:
        raise NoDigest(f"{type(failed).__name__}: {failed}") from None
    if not _DIGEST.fullmatch(digest):
        raise NoDigest("the answer has no digest of SHA-256")
    return str(digest)


def base_image(dockerfile: str) -> tuple[str, str]:
    """Name and tag of the base image. Raises ValueError if the Dockerfile does not name it."""
    found = _ARGUMENT.search(dockerfile)
    if found is None:
        raise ValueError("the Dockerfile has no line ARG PYTHON_IMAGE=NAME:TAG")
    return found["name"], found["tag"]


def pinned_by(dockerfile: str, digest: str) -> str:
    """The Dockerfile with its base image pinned by a digest."""
    return _ARGUMENT.sub(lambda found: f"{found[1]}{found['name']}:{found['tag']}@{digest}", dockerfile)


def pinned_base_image(dockerfile: str, registry: str = REGISTRY, login: str = LOGIN) -> str:
    """The base image by the digest of the Dockerfile, else by the present one. Raises NoDigest."""
    name, tag = base_image(dockerfile)
    named = _DIGEST.search(dockerfile)
    digest = named[0] if named else digest_of(_in_registry(name), tag, registry, login)
    return f"{name}:{tag}@{digest}"


def _in_registry(name: str) -> str:
    return name if "/" in name else f"library/{name}"


@click.command()
@click.option("--print", "only_print", is_flag=True, help="Print the pinned base image, and change nothing.")
def lock(only_print: bool) -> None:
    """Pin the base image by its present digest."""
    place = ROOT / "Dockerfile"
    text = place.read_text(encoding="utf-8")
    name, tag = base_image(text)
    if only_print:
        try:
            click.echo(pinned_base_image(text))
        except NoDigest as reason:
            raise click.ClickException(f"the registry of {name}:{tag} did not answer: {reason}") from None
        return
    try:
        digest = digest_of(_in_registry(name), tag)
    except NoDigest as reason:
        click.echo(
            f"The base image {name}:{tag} was not pinned again, because its registry did not answer ({reason}).",
            err=True,
        )
        return
    place.write_text(pinned_by(text, digest), encoding="utf-8")
    click.echo(f"{name}:{tag}@{digest}")


if __name__ == "__main__":
    lock()
