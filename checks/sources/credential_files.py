"""The files from which a kubeconfig takes its credentials, and whether they have changed."""

import re
from pathlib import Path

from checks.sources.kubeconfig import kubeconfig_files
from checks.sources.replies import Failure

_REFERENCE = re.compile(
    r"""^[ -]*["']?(?:client-certificate|client-key|certificate-authority|tokenFile)["']?:\s*["']?(.+?)["']?\s*$""",
    re.MULTILINE,
)

Fingerprint = tuple[tuple[str, int, int, int], ...]


def fingerprint(kubeconfig: str) -> Fingerprint:
    """A value that changes when the kubeconfig or a file that it names changes.

    A file that cannot be read is left out: opening the cluster reports it.
    """
    return tuple(found for each in kubeconfig_files(kubeconfig) for found in _fingerprint(each))


def token_of_file(path: Path) -> str:
    """The bearer token in a file, which may be replaced at any time.

    Raises Failure if there is none.
    """
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not ASCII text"
        raise Failure(401, f"token file {path}: {reason}") from None
    if not token or any(each.isspace() for each in token):
        raise Failure(401, f"token file {path}: it does not contain one token")
    return token


def _fingerprint(kubeconfig: Path) -> Fingerprint:
    try:
        text = kubeconfig.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    files = [kubeconfig, *(kubeconfig.parent / name for name in _REFERENCE.findall(text))]
    return tuple(found for each in files if (found := _written(each)) is not None)


def _written(file: Path) -> tuple[str, int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return (str(file), status.st_mtime_ns, status.st_size, status.st_ino)
