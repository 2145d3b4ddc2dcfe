"""The image without a container engine: the Dockerfile's text, and what its steps build."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checks import __version__
from release.image_context import context
from tests.helm.dockerfile import ROOT, Build, Stage, executable_by_others, interpreter, stages
from tests.redis_server import RedisServer

DOCKERFILE = ROOT / "Dockerfile"
EXAMPLE, GATEWAY = "gateway-pool-missing", "team-egress/egw"
USER = 10001
"""The user of the image and of the chart."""


def last() -> Stage:
    return stages(DOCKERFILE)[-1]


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=f"{ROOT}/.venv/bin:{os.defpath}")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    labels = [f"--require-label=org.opencontainers.image.{name}:text" for name in ("title", "licenses", "revision")]
    done = subprocess.run([hadolint, *labels, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_final_stage_copies_only_the_environment_and_uses_the_same_python() -> None:
    build, final = stages(DOCKERFILE)
    assert build.image == final.image
    assert final.all("COPY") == ["--from=build /opt/egress-diag /opt/egress-diag"]
    assert final.all("RUN") == []


def test_the_base_image_is_the_slim_python_of_the_tested_version() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["python_version"]
    (image,) = {stage.image for stage in stages(DOCKERFILE)}
    # Once `make lock` has reached the registry, a digest follows.
    assert re.fullmatch(rf"python:{re.escape(wanted)}-slim-bookworm(@sha256:[0-9a-f]{{64}})?", image)


def test_the_user_is_numeric_so_that_kubernetes_can_verify_it_is_not_root() -> None:
    assert last().all("USER") == [f"{USER}:{USER}"]


def test_every_package_is_pinned_by_hash_and_installed_from_a_wheel() -> None:
    installs = re.findall(r"pip --python \S+ install (.*?)(?:&&|$)", " && ".join(stages(DOCKERFILE)[0].all("RUN")))
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)
    assert all("--only-binary :all:" in each or "--no-index" in each for each in installs)


def test_dependencies_are_installed_before_the_code_is_copied() -> None:
    copied = [text.split()[0] for text in stages(DOCKERFILE)[0].all("COPY")]
    assert copied == ["requirements/image.txt", "pyproject.toml", "release/readme.py", "checks", "workers", "bot"]


def test_no_secret_is_in_the_image() -> None:
    named = [text for stage in stages(DOCKERFILE) for name in ("ENV", "ARG") for text in stage.all(name)]
    assert not re.search(r"TOKEN|SECRET|PASSWORD|CREDENTIAL|KEY", " ".join(named).upper())


def test_the_build_context_contains_only_our_packages() -> None:
    sent = context(ROOT)
    packages = {"checks", "workers", "bot"}
    assert {path.parts[0] for path in sent} == {
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "release",
        "requirements",
    } | packages
    assert [str(path) for path in sent if path.parts[0] == "release"] == ["release/readme.py"]
    assert not [path for path in sent if "__pycache__" in path.parts]
    assert Path("checks/cli/main.py") in sent
    assert not [path for path in sent if path.is_relative_to("bot/sandbox")]


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """The image's `/opt/egress-diag`, installed by the steps of the Dockerfile.

    All users can read its folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="egress-diag-image-"))
    folder.chmod(0o755)
    try:
        Build(folder, context(ROOT)).execute(stages(DOCKERFILE)[0])
    except subprocess.CalledProcessError as failed:
        shutil.rmtree(folder)
        if "NewConnectionError" in str(failed.stdout) or "ConnectTimeout" in str(failed.stdout):
            pytest.skip("the package index is not reachable")
        pytest.fail(f"{failed.cmd[-1]}\n{failed.stdout}")
    yield folder / "opt/egress-diag"
    shutil.rmtree(folder)


def another_user() -> int | None:
    """The user ID of the image if the tests run as root, else None."""
    return USER if os.geteuid() == 0 and executable_by_others(Path(interpreter())) else None


def run(image: Path, *command: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the image as its user, with a writable home folder in place of /tmp."""
    with tempfile.TemporaryDirectory() as home:
        os.chown(home, another_user() or -1, -1)
        return subprocess.run(
            [str(image / "bin/python"), *command],
            cwd=home,
            env={**environment(image, home), **variables},
            user=another_user(),
            extra_groups=None if another_user() is None else [],
            check=check,
            capture_output=True,
            text=True,
            timeout=100,
        )


def environment(image: Path, home: str) -> dict[str, str]:
    return {"PATH": f"{image}/bin:{os.defpath}", "HOME": home, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


def files(image: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in image.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestInstalled:
    def test_it_prints_its_version(self, image: Path) -> None:
        assert run(image, "-m", "checks.cli.main", "--version").stdout == f"egress-diag, version {__version__}\n"
        # The script is the image's entry point.
        assert (image / "bin/egress-diag").read_text().splitlines()[0].endswith("/opt/egress-diag/bin/python")

    def test_it_contains_the_catalogue_the_manifest_and_every_process_but_no_sandbox(self, image: Path) -> None:
        listed = run(image, "-m", "checks.cli.main", "checks").stdout
        assert listed.count("EG4") >= 14
        shown = run(image, "-m", "checks.cli.main", "--help").stdout
        assert all(f"  {command} " in shown for command in ("bot", "worker", "beat", "diagnose"))
        assert (image / "lib").exists()
        assert list(image.glob("lib/python3.*/site-packages/bot/manifest.yaml"))
        assert not list(image.glob("lib/python3.*/site-packages/bot/sandbox"))

    def test_a_diagnosis_writes_no_file_to_the_image(self, image: Path) -> None:
        before = files(image)
        bundle = image.parents[1] / "bundle"
        shutil.copytree(ROOT / "examples/bundles" / EXAMPLE, bundle, dirs_exist_ok=True)
        done = run(
            image,
            "-m",
            "checks.cli.main",
            "diagnose",
            "x",
            GATEWAY,
            "--bundle",
            str(bundle),
            "--output",
            "json",
            check=False,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        assert (done.returncode, found["verdict"]) == (1, "broken"), done.stderr
        assert files(image) == before

    def test_the_cluster_libraries_load_without_the_asyncio_client(self, image: Path) -> None:
        code = (
            "from checks.sources.libraries import azure_library, kubernetes_library as k; azure_library(); "
            "import kubernetes.client as c; c.CoreV1Api(k().ApiClient()); c.V1Pod(); print('loaded')"
        )
        assert run(image, "-c", code).stdout == "loaded\n"
        assert not list(image.glob("lib/python3.*/site-packages/kubernetes/aio"))

    def test_traces_and_the_entra_login_of_redis_are_installed(self, image: Path) -> None:
        code = "import opentelemetry.exporter.otlp.proto.http.trace_exporter, opentelemetry.sdk.trace, redis_entraid"
        assert run(image, "-c", f"{code}; print('loaded')").stdout == "loaded\n"

    def test_it_is_small_and_contains_no_build_tool(self, image: Path) -> None:
        size = sum(path.stat().st_size for path in image.rglob("*") if path.is_file() and not path.is_symlink())
        assert size < 230 * 1024 * 1024
        site = next(image.glob("lib/python3.*/site-packages"))
        assert not {"pip", "setuptools", "hatchling", "pytest", "tests"} & {path.name for path in site.iterdir()}

    def test_every_module_is_compiled_because_the_root_is_read_only(self, image: Path) -> None:
        site = next(image.glob("lib/python3.*/site-packages"))
        ours = [path for name in ("checks", "workers", "bot") for path in (site / name).rglob("*.py")]
        sources = [*ours, *(site / "celery").rglob("*.py"), *(site / "kubernetes").rglob("*.py")]
        missing = [
            str(path) for path in sources if not list((path.parent / "__pycache__").glob(f"{path.stem}.cpython-*.pyc"))
        ]
        assert (missing, len(ours) > 100) == ([], True)

    def test_a_worker_writes_its_heartbeat_as_an_unprivileged_user(self, image: Path, tmp_path: Path) -> None:
        before = files(image)
        server = RedisServer(tmp_path)
        server.start()
        home = Path(tempfile.mkdtemp(prefix="egress-diag-home-"))
        (home / "config.yaml").write_text("clusters: []\n")
        os.chown(home, another_user() or -1, -1)
        variables = {
            **environment(image, str(home)),
            "REDIS_URL": server.url,
            "EGRESS_DIAG_CONFIG": str(home / "config.yaml"),
            "EGRESS_DIAG_HEARTBEAT": str(home / "heartbeat"),
        }
        command = [str(image / "bin/python"), "-m", "checks.cli.main", "worker", "--concurrency", "1"]
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(command, env=variables, cwd=home, user=another_user(), stdout=log, stderr=log)
            try:
                deadline = time.monotonic() + 60
                while not (home / "heartbeat").exists():
                    assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                    time.sleep(0.1)
                judged = run(image, "-m", "workers.queue.liveness", check=True, **variables)
                assert judged.returncode == 0
            finally:
                process.terminate()
                process.wait(timeout=60)
                server.kill()
        assert sorted(path.name for path in home.iterdir()) == ["config.yaml", "heartbeat"]
        assert files(image) == before
        shutil.rmtree(home)

    def test_liveness_fails_without_a_heartbeat(self, image: Path) -> None:
        done = run(image, "-m", "workers.queue.liveness", check=False, REDIS_URL="redis://127.0.0.1:1/0")
        assert done.returncode == 1
        assert "EGRESS_DIAG_HEARTBEAT is not set" in done.stderr
