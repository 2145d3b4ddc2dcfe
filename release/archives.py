"""Archives whose bytes depend only on the names and the contents of their files."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive."""

    content: bytes
    executable: bool = False


def write_archive(path: Path, members: Mapping[str, Member], moment: int) -> None:
    """Write a `.tar.gz` with these members by name, sorted.

    `moment` is the time of each member, in seconds since 1970. Owner, group and other permissions are the same for all.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, member in sorted(members.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(member.content), moment
            entry.mode = 0o755 if member.executable else 0o644
            archive.addfile(entry, io.BytesIO(member.content))
    # The header of gzip contains neither a name nor a time.
    with path.open("wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed:
        compressed.write(packed.getvalue())


def read_archive(path: Path) -> dict[str, Member]:
    """The regular files of a `.tar.gz`."""
    found: dict[str, Member] = {}
    with tarfile.open(path) as archive:
        for entry in archive:
            if file := archive.extractfile(entry):
                found[entry.name] = Member(file.read(), bool(entry.mode & 0o100))
    return found
