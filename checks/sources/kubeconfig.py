"""The content of a kubeconfig: its contexts and users.

Several files are merged as kubectl merges `$KUBECONFIG`.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from checks.model.documents import BadDocument, Budget, parse_yaml
from checks.model.raw_values import at, items, text
from checks.sources.source import SourceError

DEFAULT_KUBECONFIG = "~/.kube/config"
"""The kubeconfig of kubectl without `--kubeconfig` and `$KUBECONFIG`."""

UNVERIFIED_SERVER = "The certificate of the API server is not verified: insecure-skip-tls-verify in the kubeconfig"

_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")

_INSTALL_KUBELOGIN = (
    "Install kubelogin (az aks install-cli, or https://azure.github.io/kubelogin/install.html), and add it to PATH."
)

_IMPERSONATION = ("as", "as-groups", "as-uid", "as-user-extra")
_CREDENTIALS = (
    "token",
    "tokenFile",
    "client-certificate",
    "client-certificate-data",
    "exec",
    "auth-provider",
)


@dataclass(frozen=True, slots=True)
class KubeContext:
    """A context of a kubeconfig: its name, namespace ("" without one), cluster and user."""

    name: str
    namespace: str
    cluster: str
    user: str


class Kubeconfig:
    """One or more kubeconfigs, separated by `:`.

    An entry of an earlier file replaces one of the same name in a later file. Raises SourceError if none of them can be read.
    """

    def __init__(self, kubeconfig: str) -> None:
        self.name = kubeconfig
        self.files = kubeconfig_files(kubeconfig)
        # Like kubectl, a list of files may name some that do not exist.
        several = len(self.files) > 1
        read = [(file, _read(file)) for file in self.files if not several or file.exists()]
        if not read:
            raise SourceError(f"kubeconfig {kubeconfig}: none of these files exists")
        self._documents = read

    @property
    def contexts(self) -> dict[str, KubeContext]:
        """The contexts by name."""
        found: dict[str, KubeContext] = {}
        for _, each in self._entries("contexts"):
            cluster, user, namespace = (text(each, "context", key) for key in ("cluster", "user", "namespace"))
            found.setdefault(text(each, "name"), KubeContext(text(each, "name"), namespace, cluster, user))
        return found

    def context(self, wanted: str | None) -> KubeContext:
        """The context of this name, else the current one.

        Raises SourceError if the file has none, or no server for it.
        """
        current = next((name for _, found in self._documents if (name := text(found, "current-context"))), "")
        chosen, contexts = wanted or current, self.contexts
        if chosen not in contexts:
            known = ", ".join(sorted(contexts)) or "none"
            if not chosen:
                raise SourceError(
                    f"kubeconfig {self.name}: has no current context; choose one with `kubectl config use-context NAME` "
                    f"or --context; it has: {known}"
                )
            raise SourceError(f'kubeconfig {self.name}: no context "{chosen}"; it has: {known}')
        found = contexts[chosen]
        server = text(self._cluster(found), "server")
        if not server:
            raise SourceError(
                f'kubeconfig {self.name}: context {chosen} names cluster "{found.cluster}", which has no server in this '
                "file"
            )
        url = urlsplit(server)
        if url.scheme == "http" and url.hostname not in _THIS_MACHINE:
            raise SourceError(
                f"kubeconfig {self.name}: the server of context {chosen} is {server}: credentials would be sent without "
                "encryption",
                "Correct the server's address in the kubeconfig: it begins with https://.",
            )
        return found

    def skips_verification(self, context: KubeContext) -> bool:
        """Whether the certificate of the context's API server is not verified."""
        return at(self._cluster(context), "insecure-skip-tls-verify") is True

    def _cluster(self, context: KubeContext) -> Any:
        """The settings of a context's cluster: the first entry of this name, None without one."""
        found = (at(each, "cluster") for _, each in self._entries("clusters") if text(each, "name") == context.cluster)
        return next(found, None)

    def check_user(self, context: KubeContext) -> None:
        """Raise SourceError if the user of a context cannot sign in from here."""
        name = context.user or context.name
        file, entry = next(
            ((file, at(each, "user")) for file, each in self._entries("users") if text(each, "name") == context.user),
            (self.files[0], None),
        )
        if not isinstance(entry, Mapping) or not any(entry.get(key) for key in _CREDENTIALS):
            raise SourceError(
                f"kubeconfig {self.name}: user {name} has no credentials; anonymous requests are not sent"
            )
        if other := next((text(entry, key) or "others" for key in _IMPERSONATION if entry.get(key)), ""):
            raise SourceError(
                f"kubeconfig {self.name}: user {name} acts as {other} (impersonation), which egress-diag does not do: it would "
                "read with the permissions of the user itself",
                "Use a context whose user does not impersonate another one.",
            )
        if text(entry, "auth-provider", "name") == "azure":
            raise SourceError(
                f"kubeconfig {self.name}: user {name} uses the retired azure auth-provider; convert it with "
                "`kubelogin convert-kubeconfig`, or remove kubeconfig to connect through Azure"
            )
        command = text(entry, "exec", "command")
        if not command or any(entry.get(key) for key in ("token", "tokenFile")):
            return
        # A command with a slash is relative to the kubeconfig; a name without one is found on PATH.
        if shutil.which(command if "/" not in command else str(file.parent / command)) is None:
            raise SourceError(
                f"kubeconfig {self.name}: user {name} signs in with the plugin {command}, which is not installed here; "
                "install it, or remove kubeconfig to connect through Azure",
                _INSTALL_KUBELOGIN if Path(command).name == "kubelogin" else f"Install {command}, or add it to PATH.",
            )

    def _entries(self, key: str) -> Iterator[tuple[Path, Any]]:
        for file, document in self._documents:
            for each in items(document, key):
                yield file, each


def kubeconfig_files(kubeconfig: str) -> tuple[Path, ...]:
    """The files that a value of `--kubeconfig` or `$KUBECONFIG` names."""
    return tuple(Path(each).expanduser() for each in kubeconfig.split(os.pathsep) if each)


def _read(file: Path) -> Any:
    try:
        return next(parse_yaml(file.read_text(encoding="utf-8"), Budget()), None)
    except (OSError, UnicodeDecodeError, BadDocument) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SourceError(f"kubeconfig {file}: cannot be read: {reason}") from None
