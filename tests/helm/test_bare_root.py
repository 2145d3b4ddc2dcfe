"""The image that the Dockerfile's steps make by chroot in a bare Debian."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks import __version__
from tests.helm.bare_root import RELEASE, BareRoot, make_base, mirror
from tests.helm.dockerfile import ROOT, stages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
NOT_REACHABLE = ("Couldn't download", "Failed getting release file", "NewConnectionError", "ConnectTimeoutError")


@pytest.fixture(scope="module")
def image() -> Iterator[BareRoot]:
    """The root directory of the image, after every step of both stages."""
    if os.geteuid() != 0 or not Path("/usr/sbin/debootstrap").exists():
        pytest.skip("chroot needs root, and a bare Debian the program debootstrap")
    if not mirror():
        pytest.skip(f"this machine does not install packages of Debian {RELEASE}")
    folder = Path(tempfile.mkdtemp(prefix="egress-diag-root-"))
    folder.chmod(0o755)
    try:
        make_base()
        build, final = stages(ROOT / "Dockerfile")
        built = BareRoot.make(folder / "build")
        built.execute(build, {})
        found = BareRoot.make(folder / "final")
        found.execute(final, {build.name: built})
        shutil.rmtree(folder / "build")
        yield found
    except subprocess.CalledProcessError as failed:
        output = f"{failed.stdout}{failed.stderr}"
        if any(words in output for words in NOT_REACHABLE):
            pytest.skip("Debian's mirror or the package index is not reachable")
        pytest.fail(f"{failed.cmd[-1]}\n{output}")
    finally:
        shutil.rmtree(folder)


def test_its_user_and_its_entry_point_print_the_version(image: BareRoot) -> None:
    assert (image.user, image.entrypoint, image.work) == ("10001:10001", ["egress-diag"], "/tmp")
    assert image.run(*image.entrypoint, "--version").stdout == f"egress-diag, version {__version__}\n"


def test_it_diagnoses_a_bundle(image: BareRoot) -> None:
    shutil.copytree(ROOT / "examples/bundles/gateway-pool-missing", image.inside("/tmp/bundle"), dirs_exist_ok=True)
    done = image.run(*image.entrypoint, "diagnose", "team-egress/egw", "--bundle", "/tmp/bundle", "--output", "json")
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (1, "broken"), done.stdout


def test_traces_and_the_entra_login_of_redis_are_installed(image: BareRoot) -> None:
    code = "import opentelemetry.sdk.trace, opentelemetry.exporter.otlp.proto.http.trace_exporter, redis_entraid; print('ok')"
    assert image.run("python", "-c", code).stdout == "ok\n"


def test_its_python_is_the_environment_in_opt_and_every_library_loads(image: BareRoot) -> None:
    code = (
        "import sys, bot, workers, checks, importlib, pkgutil\n"
        "for package in (bot, workers, checks):\n"
        "    for each in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if each.name != 'checks.mcp.server':\n"  # the extra mcp is for people's own machines
        "            importlib.import_module(each.name)\n"
        "print(sys.prefix)"
    )
    done = image.run("python", "-W", "error::ImportWarning", "-c", code, REDIS_URL="redis://127.0.0.1:1/0")
    assert done.stdout.splitlines()[-1] == "/opt/egress-diag", done.stdout


def test_its_user_can_write_only_below_tmp(image: BareRoot) -> None:
    places = "find / -xdev ( -path /proc -o -path /sys -o -path /dev ) -prune -o ! -type l -writable -print"
    found = image.run(*places.split()).stdout.splitlines()
    outside = [path for path in found if not path.startswith(("/tmp", "find: "))]
    # Debian's own folders for temporary files and locks, which every image has.
    assert set(outside) <= {"/var/tmp", "/run/lock"}
    assert "/tmp" in found


def test_no_build_tool_and_no_test_is_added_to_the_base(image: BareRoot) -> None:
    assert sorted(path.name for path in image.inside("/opt").iterdir()) == ["egress-diag"]
    assert not list(image.inside("/opt").rglob("hatchling"))
    assert not list(image.inside("/opt").rglob("pip"))
    assert not list(image.inside("/opt").glob("egress-diag/lib/python3.*/site-packages/tests"))


def test_its_health_check_runs_and_reports_what_is_missing(image: BareRoot) -> None:
    missing = image.run("python", "-m", "workers.queue.liveness", EGRESS_DIAG_HEARTBEAT="")
    assert missing.returncode == 1
    assert "EGRESS_DIAG_HEARTBEAT is not set" in missing.stdout
    working = image.run("/bin/bash", "-c", "touch $EGRESS_DIAG_HEARTBEAT && python -m workers.queue.liveness")
    assert (working.returncode, working.stdout) == (0, "")
