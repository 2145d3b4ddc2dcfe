"""Steps that give a proxy its certificates: new, filled and copied Secrets.

The content of a Secret is never read, so no trial proves these steps. Sources: Kubernetes, "Managing Secrets using kubectl";
docs/domain/istio.md#credential-name.
"""

from collections.abc import Sequence

from checks.facts.changes import ObjectChange
from checks.facts.namespaces import Secret
from checks.kubernetes.ownership import with_owner
from checks.model.commands import ISTIO_TLSO, change, kubectl
from checks.model.findings import Action

PAIR, AUTHORITY = ("tls.crt", "tls.key"), "ca.crt"
_ENDINGS = {"tls.crt": "crt", "tls.key": "key"}
_DELIVERED = "istiod delivers the Secret within seconds, without a restart"


def create_secret(name: str, namespace: str, keys: Sequence[str], *, server: bool = False) -> Action:
    """Create a Secret with these keys from files of their reader."""
    words = (f"--from-file={key}={_file(key, server)}" for key in keys)
    command = kubectl("create", "secret", "generic", name, *words, namespace=namespace)
    title = f"Create Secret {namespace}/{name} from your {_files(keys, server)}"
    undo = kubectl("delete", "secret", name, namespace=namespace)
    return change(title, command, ISTIO_TLSO, _DELIVERED, undo=undo)


def fill_secret(secret: Secret, keys: Sequence[str], *, server: bool = False, renewed: bool = False) -> Action:
    """Set these keys of an existing Secret, whatever its type; its other keys stay.

    `renewed` says that the files have to be newer than those in it.
    """
    content = ",".join(f'\\"{key}\\":\\"$(openssl base64 -A -in {_file(key, server)})\\"' for key in keys)
    patch = kubectl("patch", "secret", secret.name, "--type", "merge")
    command = f'{patch} -p "{{\\"data\\":{{{content}}}}}" -n {secret.namespace}'
    title = f"Set {_listed(keys)} of {secret.ref} from your {'renewed ' if renewed else ''}{_files(keys, server)}"
    return with_owner(change(title, command, ISTIO_TLSO, _DELIVERED), secret)


def copy_secret(source: Secret, name: str, namespace: str) -> Action:
    """Create a Secret with type and content of another one, without its labels and owners."""
    template = (
        f"apiVersion: v1{_LINE}kind: Secret{_LINE}metadata: {{name: {name}, namespace: {namespace}}}{_LINE}"
        f"type: {{{{.type}}}}{_LINE}data:{{{{range $key, $value := .data}}}}{_LINE}  {{{{$key}}}}: {{{{$value}}}}"
        f"{{{{end}}}}{_LINE}"
    )
    read = kubectl("get", "secret", source.name, "-o", f"go-template={template}", namespace=source.namespace)
    return change(
        f"Create Secret {namespace}/{name} with the content of {source.ref}",
        f"{read} | {kubectl('apply', '-f', '-', namespace=namespace)}",
        ISTIO_TLSO,
        f"{_DELIVERED}. The copy does not follow later changes of {source.ref}, such as renewals",
        undo=kubectl("delete", "secret", name, namespace=namespace),
    )


_LINE = '{{"\\n"}}'
"""A line break in a Go template."""


def name_credential(named: ObjectChange, name: str) -> Action:
    """Name a Secret in the object that needs it."""
    return change(f"Name Secret {name} in {named.ref}", named.command, ISTIO_TLSO, _DELIVERED)


def _file(key: str, server: bool) -> str:
    """The reader's file for a key."""
    return f"{'server' if server else 'client'}.{_ENDINGS[key]}" if key in _ENDINGS else key


def _files(keys: Sequence[str], server: bool) -> str:
    return f"file{'s' if len(keys) > 1 else ''} {_listed([_file(key, server) for key in keys])}"


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
