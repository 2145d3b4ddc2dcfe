"""`make lock` pins the base image by a digest that a server on loopback names."""

import json
from collections.abc import Iterator
from threading import Thread

import pytest

from release.base_image import NoDigest, base_image, digest_of, pinned_base_image, pinned_by
from tests.helm.dockerfile import ROOT
from tests.loopback.server import LoopbackHandler, LoopbackServer
from tests.redis_server import find_free_port

DIGEST = "sha256:" + "ab" * 32
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


class Registry(LoopbackServer):
    """Names one digest for one tag of one repository, to clients with its token."""

    digest = DIGEST
    asked: str = ""


class Handler(LoopbackHandler):
    server: Registry

    def do_GET(self) -> None:  # noqa: N802 - the name that the base class calls
        body = json.dumps({"token": "pull"}).encode()
        self.send_response(200 if "repository:library/python:pull" in self.path else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:  # noqa: N802 - the same
        self.server.asked = self.headers["Accept"]
        known = self.path == "/v2/library/python/manifests/3.11-slim-bookworm"
        self.send_response(200 if known and self.headers["Authorization"] == "Bearer pull" else 404)
        self.send_header("Docker-Content-Digest", self.server.digest)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def registry() -> Iterator[Registry]:
    server = Registry(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.stop()
    thread.join()


def ask(registry: Registry, repository: str = "library/python", tag: str = "3.11-slim-bookworm") -> str:
    url = f"http://127.0.0.1:{registry.server_address[1]}"
    return digest_of(repository, tag, url, url + "/token?scope=repository:{repository}:pull")


def test_the_digest_is_that_of_the_index_of_all_platforms(registry: Registry) -> None:
    assert ask(registry) == DIGEST
    assert "application/vnd.oci.image.index.v1+json" in registry.asked
    assert "manifest.v2+json" not in registry.asked


@pytest.mark.parametrize(("repository", "tag"), [("library/python", "3.99"), ("library/other", "3.11-slim-bookworm")])
def test_an_unknown_image_has_no_digest(registry: Registry, repository: str, tag: str) -> None:
    with pytest.raises(NoDigest, match="HTTPError"):
        ask(registry, repository, tag)


def test_an_answer_that_is_no_digest_is_not_written(registry: Registry) -> None:
    registry.digest = "sha256:short"
    with pytest.raises(NoDigest, match="no digest"):
        ask(registry)


def test_a_registry_that_does_not_answer_has_no_digest() -> None:
    url = f"http://127.0.0.1:{find_free_port()}"
    with pytest.raises(NoDigest, match="URLError"):
        digest_of("library/python", "3.11-slim-bookworm", url, url + "/{repository}")


def test_the_dockerfile_is_pinned_and_pinned_again() -> None:
    name, tag = base_image(DOCKERFILE)
    once = pinned_by(DOCKERFILE, DIGEST)
    assert f"\nARG PYTHON_IMAGE={name}:{tag}@{DIGEST}\n" in once
    assert base_image(once) == (name, tag)
    other = "sha256:" + "cd" * 32
    assert pinned_by(once, other) == once.replace(DIGEST, other)
    changed = [pair for pair in zip(DOCKERFILE.splitlines(), once.splitlines(), strict=True) if pair[0] != pair[1]]
    assert len(changed) == 1


def test_a_release_names_the_digest_of_the_dockerfile_otherwise_the_present_one(registry: Registry) -> None:
    url = f"http://127.0.0.1:{registry.server_address[1]}"
    login = url + "/token?scope=repository:{repository}:pull"
    plain = "ARG PYTHON_IMAGE=python:3.11-slim-bookworm\n"
    assert pinned_base_image(plain, url, login) == f"python:3.11-slim-bookworm@{DIGEST}"
    other = "sha256:" + "cd" * 32
    assert pinned_base_image(pinned_by(plain, other), url, login) == f"python:3.11-slim-bookworm@{other}"


def test_a_release_without_a_digest_fails() -> None:
    nowhere = f"http://127.0.0.1:{find_free_port()}"
    with pytest.raises(NoDigest):
        pinned_base_image("ARG PYTHON_IMAGE=python:3.11-slim-bookworm\n", nowhere, nowhere)
