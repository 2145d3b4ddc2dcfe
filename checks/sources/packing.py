"""Writing a bundle's files atomically: a directory or archive that exists is complete."""

import gzip
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

_ARCHIVES = (".tar.gz", ".tgz")


def write_files(path: Path, files: Mapping[str, bytes], now: datetime) -> None:
    """Write the files by their relative names, with permissions for their owner only.

    Raises OSError.

    The permissions are strict because redaction removes secrets but keeps names. An existing path raises FileExistsError.
    """
    if path.exists() or path.is_symlink():
        raise FileExistsError(17, "already exists", str(path))
    work = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        if path.name.endswith(_ARCHIVES):
            _pack(work / "archive", files, path.name.split(".")[0] or "bundle", now)
            (work / "archive").replace(path)
        else:
            for name, content in files.items():
                target = work / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            work.rename(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _pack(target: Path, files: Mapping[str, bytes], folder: str, now: datetime) -> None:
    moment = int(now.timestamp())
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with (
        os.fdopen(descriptor, "wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=moment) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in sorted(files):
            about = tarfile.TarInfo(f"{folder}/{name}")
            about.size, about.mtime, about.mode = len(files[name]), moment, 0o600
            archive.addfile(about, io.BytesIO(files[name]))
