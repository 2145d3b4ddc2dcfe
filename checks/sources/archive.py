"""The files of a bundle, from a directory or a .tar.gz, one at a time.

Links that leave the bundle and files above the size limits are refused before they are read.
"""

import gzip
import io
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from checks.model.redaction import redact

MAX_FILES = 20_000
MAX_FILE = 64 * 1024 * 1024
MAX_TOTAL = 256 * 1024 * 1024
MAX_RATIO = 200
"""YAML of a thousand pods compresses 20 to 60 times, a gzip bomb a thousand times."""
FREE_OF_RATIO = 16 * 1024 * 1024
"""The unpacked bytes above which the ratio applies: a small bundle may be very repetitive."""

_ROOT = "bundle.yaml"
_GZIP = b"\x1f\x8b"


class BundleError(Exception):
    """The bundle is invalid; the text names the file, the problem and the expected content."""

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


def files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every file as (relative name, content), in a fixed order. Raises BundleError."""
    try:
        if not path.exists():
            raise BundleError("there is no such bundle; expected a directory or a .tar.gz")
        if path.is_dir():
            yield from _directory(path.resolve())
        else:
            yield from _archive(path)
    except OSError as error:
        raise BundleError(f"{_named(error, path)}cannot be read: {error.strerror or error}") from None


def _named(error: OSError, root: Path) -> str:
    """The file's name in the bundle, as a prefix of the message; empty for the bundle itself."""
    name = Path(error.filename) if error.filename else root
    return f"{name.relative_to(root.resolve())}: " if name.is_relative_to(root.resolve()) and name != root else ""


class _Limits:
    """The number and size of the files read so far, with their limits."""

    def __init__(self) -> None:
        self.number = 0
        self.total = 0

    def one_more(self, name: str, size: int) -> None:
        self.number += 1
        self.total += size
        if self.number > MAX_FILES:
            raise BundleError(f"{name}: a bundle may contain {MAX_FILES:,} files, this one contains more")
        if size > MAX_FILE:
            raise BundleError(f"{name}: {_mib(size)}; a file of a bundle may have at most {_mib(MAX_FILE)}")
        if self.total > MAX_TOTAL:
            raise BundleError(f"{name}: a bundle may have at most {_mib(MAX_TOTAL)} in total, this one has more")


def _directory(root: Path) -> Iterator[tuple[str, bytes]]:
    limits = _Limits()
    if not (root / _ROOT).exists():
        # Checked before any other file is read: the path may be a home directory.
        raise BundleError(f"{_ROOT}: is missing; expected it at the top of the bundle")
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in folders:
            if (Path(folder) / name).is_symlink():
                raise BundleError(
                    f"{_within(root, folder, name)}: a link to a directory; a bundle contains only plain files"
                )
        for name in sorted(names):
            if not name.startswith("."):
                yield _within(root, folder, name), _plain_file(root, Path(folder) / name, limits)


def _within(root: Path, folder: str, name: str) -> str:
    return (Path(folder) / name).relative_to(root).as_posix()


def _plain_file(root: Path, path: Path, limits: _Limits) -> bytes:
    name = path.relative_to(root).as_posix()
    target = path.resolve()
    if not target.is_relative_to(root):
        raise BundleError(f"{name}: a link that leaves the bundle; a bundle contains all its files")
    # O_NONBLOCK: opening a pipe must not wait for a writer.
    with os.fdopen(os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise BundleError(f"{name}: not a plain file; a bundle contains only plain files")
        limits.one_more(name, about.st_size)
        content = file.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise BundleError(f"{name}: grows while it is read")
        return content


def _archive(path: Path) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as packed:
        if packed.read(2) != _GZIP:
            raise BundleError("neither a directory nor a .tar.gz")
        try:
            root = _root([name for name, _ in _members(packed, read=False)])
            for name, content in _members(packed, read=True):
                inside = PurePosixPath(name)
                if inside.is_relative_to(root) and not _hidden(inside.relative_to(root)):
                    yield inside.relative_to(root).as_posix(), content
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise BundleError("the archive is damaged or truncated") from None
        except (tarfile.TarError, ValueError, OverflowError) as error:
            raise BundleError(f"not a .tar.gz of a bundle: {error}") from None


def _hidden(name: PurePosixPath) -> bool:
    # macOS adds a `._name` for each file.
    return any(part.startswith(".") for part in name.parts)


def _root(names: list[str]) -> PurePosixPath:
    """The folder of bundle.yaml: an archive may contain the bundle's files or its folder."""
    found = sorted(
        (PurePosixPath(name).parent for name in names if PurePosixPath(name).name == _ROOT), key=lambda p: len(p.parts)
    )
    if not found:
        raise BundleError(f"contains no {_ROOT}; expected a bundle as `egress-diag collect` writes it")
    if len(found) > 1 and len(found[0].parts) == len(found[1].parts):
        raise BundleError(f"contains several bundles ({found[0]} and {found[1]}); expected one")
    outside = [name for name in names if not PurePosixPath(name).is_relative_to(found[0])]
    if outside:
        raise BundleError(f"{outside[0]}: is outside the bundle {found[0]}; expected all files in one folder")
    return found[0]


def _members(packed: BinaryIO, *, read: bool) -> Iterator[tuple[str, bytes]]:
    packed.seek(0)
    limits = _Limits()
    seen: set[str] = set()
    with gzip.GzipFile(fileobj=packed) as unpacked:
        counted = _Counted(packed, unpacked)
        with tarfile.open(fileobj=counted, mode="r|") as archive:
            for member in archive:
                name = _safe_name(member)
                if member.isdir():
                    limits.one_more(name, 0)
                    continue
                limits.one_more(name, member.size)
                if name in seen:
                    raise BundleError(f"{name}: occurs twice in the archive")
                seen.add(name)
                content = archive.extractfile(member) if read else None
                yield name, content.read() if content else b""
        counted.drain()


def _safe_name(member: tarfile.TarInfo) -> str:
    name = member.name
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts or "\\" in name or "\0" in name or name[1:2] == ":":
        raise BundleError(f"{name!r}: a path that leaves the bundle; expected names inside it")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise BundleError(f"{name}: a link, device or sparse file; a bundle contains only plain files and directories")
    return inside.as_posix()


class _Counted(io.RawIOBase):
    """The unpacked stream, with limits on its size and its compression ratio."""

    def __init__(self, packed: BinaryIO, unpacked: gzip.GzipFile) -> None:
        super().__init__()
        self.packed = packed
        self.unpacked = unpacked
        self.total = 0
        self.tail = b""

    def read(self, size: int = -1, /) -> bytes:
        chunk = self.unpacked.read(size if size >= 0 else MAX_FILE)
        self.total += len(chunk)
        self.tail = (self.tail + chunk)[-1024:]
        # Headers and padding are not part of the files' sizes.
        if self.total > MAX_TOTAL + MAX_FILES * 1024:
            raise BundleError(f"unpacks to more than {_mib(MAX_TOTAL)}")
        if self.total > FREE_OF_RATIO and self.total > MAX_RATIO * max(self.packed.tell(), 1):
            raise BundleError(f"unpacks to more than {MAX_RATIO} times its size; expected a bundle")
        return chunk

    def drain(self) -> None:
        """Read to the end, which verifies the checksum.

        A tar without its closing zeros is truncated.
        """
        while self.read(64 * 1024):
            pass
        if self.tail.strip(b"\0"):
            raise EOFError


def _mib(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MiB"
