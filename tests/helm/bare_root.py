"""A Debian root directory with only Python, in which the Dockerfile's steps run unchanged.

The base image is Debian's slim image with the same Python below /usr/local. Debian's mirror has no such image, so
debootstrap installs Debian's own python3.11, and the names in /usr/local lead to it.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from release.image_context import context
from tests.helm.dockerfile import ROOT, Stage

RELEASE = "bookworm"
PACKAGES = ("python3.11", "python3-venv", "python3-pip", "ca-certificates")
KEPT = Path.home() / ".cache/egress-diag" / f"debian-{RELEASE}"
"""The root directory is made once for a machine; tests run in copies."""

_NAMES = {"python": "python3.11", "python3": "python3.11", "python3.11": "python3.11"}
_FROM_THIS_MACHINE = ("etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt", "etc/pip.conf")
"""Files of the build machine: resolver, certificate authorities and package index."""


def mirror() -> str:
    """The address from which this machine's apt reads the release; "" if it reads another one."""
    command = [
        "/usr/bin/apt-get",
        "indextargets",
        "--format",
        "$(CODENAME) $(COMPONENT) $(SITE)",
        "Created-By: Packages",
    ]
    listed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    return next((each.split()[2] for each in listed if each.startswith(f"{RELEASE} main ")), "")


def make_base() -> Path:
    """The path of the bare root directory. Raises CalledProcessError if debootstrap fails."""
    if not KEPT.is_dir():
        new = KEPT.with_name(f"{KEPT.name}.{os.getpid()}")
        command = [
            "/usr/sbin/debootstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            RELEASE,
            str(new),
            mirror(),
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
            new.rename(KEPT)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return KEPT


@dataclass(slots=True)
class BareRoot:
    """A copy of the bare root directory, in which the steps of a stage run by chroot."""

    folder: Path
    environment: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root"}
    )
    work: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path) -> "BareRoot":
        """Copy the bare root directory."""
        subprocess.run(["/bin/cp", "-a", str(make_base()), str(folder)], check=True)
        for name, program in _NAMES.items():
            (folder / "usr/local/bin" / name).symlink_to(f"/usr/bin/{program}")
        for name in _FROM_THIS_MACHINE:
            if Path("/", name).exists():
                shutil.copyfile(Path("/", name), folder / name)
        return cls(folder)

    def execute(self, stage: Stage, others: dict[str, "BareRoot"]) -> None:
        """Run the steps of a stage in order; `others` are the earlier stages by name.

        Raises CalledProcessError with the output of the failed step.
        """
        for each in stage.instructions:
            match each.name:
                case "ENV":
                    self.environment |= dict(word.split("=", 1) for word in each.text.split())
                case "WORKDIR":
                    self.work = each.text
                    self.inside(self.work).mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(each.text.split(), others)
                case "RUN":
                    self.run("/bin/bash", "-euo", "pipefail", "-c", each.text, check=True, timeout=900)
                case "USER":
                    self.user = each.text
                case "ENTRYPOINT":
                    self.entrypoint = [word.strip(' "') for word in each.text.strip("[]").split(",")]
                case _:
                    continue  # labels, ports and the health check need a container engine

    def inside(self, path: str) -> Path:
        """The path of a file of this root directory on this machine."""
        return self.folder / path.lstrip("/")

    def run(
        self, *command: str, check: bool = False, timeout: float = 100, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command with the user, the folder and the variables of the steps so far."""
        return subprocess.run(
            [
                "/usr/sbin/chroot",
                f"--userspec={self.user}",
                str(self.folder),
                "/usr/bin/env",
                f"--chdir={self.work}",
                *command,
            ],
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=check,
            timeout=timeout,
        )

    def _copy(self, words: list[str], others: dict[str, "BareRoot"]) -> None:
        *sources, target = [word for word in words if not word.startswith("--")]
        place = self.inside(target if target.startswith("/") else f"{self.work}/{target}")
        if origin := next((word.removeprefix("--from=") for word in words if word.startswith("--from=")), ""):
            place.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["/bin/cp", "-a", str(others[origin].inside(sources[0])), str(place)], check=True)
            return
        sent = context(ROOT)
        for source in sources:
            files = [path for path in sent if path == Path(source) or Path(source) in path.parents]
            assert files, f"COPY {source}: not in the build context"
            for path in files:
                inside = path.relative_to(source) if path != Path(source) else Path(path.name)
                (place / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, place / inside)
