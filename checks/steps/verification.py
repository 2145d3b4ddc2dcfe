"""The command that shows the result of a printed step."""

from collections.abc import Sequence

from checks.model.commands import kubectl, quoted
from checks.steps.azure_undo import az_command
from checks.steps.options import Options, Parameters, az_verbs
from checks.steps.shell import ProgramCall

_STATE = ("--query", "provisioningState", "--output", "tsv")


def shown_by(commands: Sequence[ProgramCall]) -> str:
    """The read-only command that shows what these commands have changed.

    It is that of the last one; "" if none does.
    """
    for each in reversed(commands):
        if each.words[0] == "kubectl":
            return _kubectl(Options(each.words[1:]), each.stdin)
        if each.words[0] == "az":
            return _azure(*az_verbs(each.words[1:]))
    return ""


def waits_for_pods(commands: Sequence[ProgramCall]) -> bool:
    """Whether the result is that of a rollout, which ends some time after the command."""
    return shown_by(commands).startswith("kubectl rollout status")


def _kubectl(options: Options, stdin: str) -> str:
    verb, *words = options.positional
    namespace = options.namespace
    if verb == "rollout":
        words = words[1:]
    if verb in ("rollout", "scale") or (verb == "patch" and words[:1] == ["deployment"]):
        return kubectl("rollout", "status", *words, namespace=namespace)
    if verb in ("cordon", "uncordon"):
        return kubectl("get", "node", *words)
    if verb == "create":
        return kubectl("get", words[0], words[-1], namespace=namespace)
    if verb == "debug":
        return ""
    if verb == "apply":
        # The manifest of a pipe is the output of the command before it.
        return _applied(stdin) if stdin else ""
    selected = [part for name in ("-l", "--field-selector") if (value := options.one(name)) for part in (name, value)]
    if selected:
        return kubectl("get", words[0], *selected, namespace=namespace)
    named = [each for each in words if "=" not in each and not each.endswith("-")]
    if verb == "delete":
        return kubectl("get", *named, "--ignore-not-found", namespace=namespace)
    form = ("--show-labels",) if verb == "label" else ("-o", "yaml")
    return kubectl("get", *named, *form, namespace=namespace)


def _applied(stdin: str) -> str:
    """The command that shows the last object of the manifests, by the lines that name it.

    It is "" if another program writes the manifest.
    """
    if not stdin:
        return ""
    fields: dict[str, str] = {}
    for line in stdin.splitlines():
        key, colon, value = line.partition(":")
        name = key.removeprefix("  ")
        if colon and name in ("kind", "name", "namespace", "apiVersion") and (key == name) == (name in _TOP):
            fields.setdefault(name, value.strip().strip("'\""))
    group = fields.get("apiVersion", "").rpartition("/")[0]
    resource = f"{fields.get('kind', '').lower()}{f'.{group}' if group else ''}"
    return kubectl("get", resource, fields.get("name", ""), "-o", "yaml", namespace=fields.get("namespace", ""))


_TOP = ("kind", "apiVersion")


def _azure(verbs: tuple[str, ...], parameters: Parameters) -> str:
    if verbs[:2] == ("aks", "mesh"):
        return az_command(("aks", "show"), parameters_of_cluster(parameters), "--query", "serviceMeshProfile")
    if verbs[:2] == ("aks", "nodepool"):
        return az_command(("aks", "nodepool", "show"), parameters, *_STATE)
    if verbs[1:2] == ("run-command",):
        return ""
    if verbs[0] == "aks":
        return az_command(("aks", "show"), parameters_of_cluster(parameters), *_STATE)
    if verbs[:2] == ("role", "assignment"):
        return az_command(("role", "assignment", "list"), parameters, "--output", "table")
    return az_command((*verbs[:-1], "show"), parameters)


def parameters_of_cluster(parameters: Parameters) -> Parameters:
    """The parameters that name the managed cluster."""
    kept = Parameters(())
    names = ("--resource-group", "--name", "--subscription")
    kept.values = {name: parameters.values[name] for name in names if name in parameters}
    return kept


def diagnosis_of(cluster: str, gateway: str, code: str = "", host: str = "", client: str = "") -> str:
    """The command that diagnoses a gateway again, if there is a code only with that check."""
    only = ("--only", code) if code else ()
    asked = (*(("--host", host) if host else ()), *(("--from", client) if client else ()))
    return quoted("egress-diag", "diagnose", cluster, gateway, *only, *asked)
