"""Failed reads with one cause: the cause in one sentence, and the next action.

Sources: docs/rulings.md#ruling-28, docs/domain/azure.md#api-server-authentication.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from checks.facts.fact import Credentials, Gap
from checks.knowledge.api_server_errors import refusal_of
from checks.knowledge.azure_sign_in import expiry, is_without_cli
from checks.model.commands import inspect, kubectl, quoted
from checks.model.enumerations import enumerated
from checks.model.findings import Action, Effect

_UNREACHABLE = (0, 504)
_NO_ANSWER = (0, 401, 504)
_MOST_NAMED = 3

UNIDENTIFIED = "the managed cluster is not identified:"
"""The beginning of the message of a read in Azure whose cluster is not identified."""

NODES_NOT_READ = f"{UNIDENTIFIED} the nodes, which name it, were not read:"
"""The same, if the nodes were not read for a reason that concerns more reads."""

SIGN_IN = inspect("Sign in to Azure; in a deployment, check the identity of the workers", "az login")
"""The next action if there is no Azure identity."""

_INSTALL = Action(
    "Install azure-cli and sign in (`az login`), or leave Azure out (`--azure none`); in a deployment, check the identity of "
    "the workers",
    url="https://aka.ms/azure-cli",
)
"""The same on a machine without azure-cli, on which `az login` would not run."""


@dataclass(frozen=True, slots=True)
class FailedReads:
    """Failed reads with one cause.

    `cause` is a sentence without its full stop. `of_server`: the API server as a whole did not answer, or rejected the
    identity."""

    cause: str
    gaps: tuple[Gap, ...]
    actions: tuple[Action, ...]
    of_server: bool = False


def failed_reads(gaps: Iterable[Gap]) -> tuple[FailedReads, ...]:
    """These failed reads by cause, in the order of the gaps."""
    found = tuple(dict.fromkeys(gaps))
    version = next((each for each in found if each.resource == "version" and not each.credentials), None)
    groups: dict[tuple[Hashable, ...], list[Gap]] = {}
    for each in found:
        groups.setdefault(_cause_key(each, version), []).append(each)
    return tuple(_described(key, tuple(each)) for key, each in groups.items())


def _cause_key(gap: Gap, version: Gap | None) -> tuple[Hashable, ...]:
    """Equal for failed reads with one cause; the first part selects the description."""
    if gap.credentials or (gap.source == "azure" and gap.status == 401):
        # A missing sign-in to Azure prevents the reads of Azure and those of the API server.
        return ("credentials", gap.credentials or Credentials.AZURE, gap.status)
    if version is not None and gap.message.startswith(NODES_NOT_READ):
        return ("server", version.status)
    if gap.source == "azure":
        return _azure_key(gap)
    if gap.source in ("kubernetes", "logs"):
        if version is not None and _is_of_server(gap.status, version.status):
            return ("server", version.status)
        if gap.readable_in:
            return ("namespaces only",)
        if gap.status in (403, 404, 429, 504):
            return ("kubernetes", gap.status)
        return ("kubernetes", gap.status, gap.message)
    return (gap.source, gap.resource, gap.status, "" if gap.status in (403, 429, 504) else gap.message)


def _azure_key(gap: Gap) -> tuple[Hashable, ...]:
    if gap.message.startswith(UNIDENTIFIED):
        return ("unidentified", gap.message)
    if gap.status in _UNREACHABLE:
        return ("azure unreachable", gap.message)
    return ("azure", gap.status, "" if gap.status in (403, 429) else gap.message)


def _is_of_server(status: int, of_version: int) -> bool:
    return status == of_version or (status in _NO_ANSWER and of_version in _NO_ANSWER)


def _described(key: tuple[Hashable, ...], gaps: tuple[Gap, ...]) -> FailedReads:
    match key[0]:
        case "credentials":
            return _without_credentials(gaps)
        case "server":
            refusal = refusal_of(next(each for each in gaps if each.resource == "version"))
            action = inspect(refusal.fix, kubectl("get", "--raw", "/version"))
            return FailedReads(f"The API server {refusal.meaning}", gaps, (action,), of_server=True)
        case "unidentified":
            title = "Find the cluster in Azure; then give --managed-cluster and --agent-pools, or name it in a configuration"
            return FailedReads(_sentence(gaps[0].message), gaps, (inspect(title, "az aks list --output table"),))
        case "azure unreachable":
            action = inspect("Check the connection to management.azure.com: proxy, firewall, DNS", "az account show")
            return FailedReads(_sentence(gaps[0].message or "Azure does not answer"), gaps, (action,))
        case "namespaces only":
            return _of_namespaces(gaps)
        case "metrics":
            return _without_counters(gaps)
        case _:
            status = gaps[0].status
            describe = _BY_STATUS.get(status, _answered)
            return describe(gaps)


def _without_credentials(gaps: tuple[Gap, ...]) -> FailedReads:
    # Azure's own message has no prefix about the API server.
    named = [each for each in gaps if not each.message.startswith(NODES_NOT_READ)] or gaps
    first = next((each for each in named if each.source == "azure"), named[0])
    if first.credentials is Credentials.KUBECONFIG:
        title = "Sign in for the plugin of the kubeconfig; kubelogin with the Azure CLI needs `az login`"
        return FailedReads(
            _sentence(f"No credentials for the API server: {first.message}"), gaps, (inspect(title, "az login"),)
        )
    if first.status == 401:
        expired = expiry(first.message)
        state = f"The sign-in to Azure is no longer valid ({expired})" if expired else "Not signed in to Azure"
        step = _INSTALL if is_without_cli(first.message) else SIGN_IN
        return FailedReads(_sentence(f"{state}: {first.message}"), gaps, (step,))
    doctor = quoted("egress-diag", "doctor", "--only", "clusters")
    action = inspect("Test the access to Azure and to the API server", doctor)
    return FailedReads(_sentence(first.message), gaps, (action,))


def _forbidden(gaps: tuple[Gap, ...]) -> FailedReads:
    where, what = ("in Azure", "Azure role") if gaps[0].source == "azure" else ("in the cluster", "ClusterRole")
    title = f"Print the permissions that the checks need, then bind the {what} to the identity of the diagnosis"
    return FailedReads(
        f"The identity of the diagnosis has no permission to read {_named(gaps)} {where} (403)",
        gaps,
        (inspect(title, quoted("egress-diag", "checks", "--permissions")),),
    )


def _of_namespaces(gaps: tuple[Gap, ...]) -> FailedReads:
    read = sorted({namespace for gap in gaps for namespace in gap.readable_in})
    action = inspect(
        "Print the permissions that the checks need in the whole cluster, and in single namespaces",
        quoted("egress-diag", "checks", "--permissions"),
    )
    return FailedReads(
        f"Other namespaces than {enumerated(read)} were not seen: reading the whole cluster is forbidden (403)",
        gaps,
        (action,),
    )


def _without_counters(gaps: tuple[Gap, ...]) -> FailedReads:
    first = gaps[0]
    if first.resource != "pods/proxy":
        status = f"{first.status} " if first.status else ""
        title = "Test the access to the Prometheus of the configuration (`metrics`)"
        action = inspect(title, quoted("egress-diag", "doctor", "--only", "clusters"))
        cause = f"Prometheus did not return the proxies' counters: {status}{first.message}"
        return FailedReads(_sentence(cause), gaps, (action,))
    pods = f"{len(gaps)} pods" if len(gaps) > 1 else f"pod {first.namespace}/{first.name}" if first.name else "the pods"
    if first.status == 403:
        title = "Set `rbac.readProxyCounters=true` in the chart, or `metrics: none` in the configuration of the cluster"
        cause = "The identity of the diagnosis has no permission to read the proxies' counters (get pods/proxy, 403)"
        return FailedReads(cause, gaps, (Action(title, effect=Effect.CHANGES),))
    reason = "no answer in time" if first.status == 504 else f"{first.status or ''} {first.message}".strip()
    return FailedReads(f"The counters of {pods} were not read: {reason}".rstrip(". "), gaps, (_check_again(),))


def _throttled(gaps: tuple[Gap, ...]) -> FailedReads:
    action = Action("Check again in a few minutes; other clients may use the same limit")
    return FailedReads(f"{_server_of(gaps)} throttles requests (429): {_named(gaps)} not read", gaps, (action,))


def _not_found(gaps: tuple[Gap, ...]) -> FailedReads:
    if gaps[0].source == "azure":
        action = inspect("List the clusters that are visible to this identity in Azure", "az aks list --output table")
        return FailedReads(f"Azure does not find {_named(gaps)} (404)", gaps, (action,))
    if all(each.source == "logs" for each in gaps):
        return FailedReads(f"The API server does not find {_named(gaps)} (404)", gaps, (_check_again(),))
    action = inspect("List the kinds that the API server has", kubectl("api-resources"))
    return FailedReads(f"The API server does not have {_named(gaps)} (404)", gaps, (action,))


def _late(gaps: tuple[Gap, ...]) -> FailedReads:
    action = Action("Check again with more time (`--timeout 300`)")
    return FailedReads(f"{_server_of(gaps)} did not return {_named(gaps)} in time", gaps, (action,))


def _answered(gaps: tuple[Gap, ...]) -> FailedReads:
    first = gaps[0]
    status = f"{first.status} " if first.status else ""
    sentence = _sentence(f"{_server_of(gaps)} did not return {_named(gaps)}: {status}{first.message}")
    action = _check_again()
    if first.source == "kubernetes" and first.resource != "version":
        action = inspect("Repeat the read", kubectl("get", first.resource, "--all-namespaces"))
    return FailedReads(sentence, gaps, (action,))


_BY_STATUS: dict[int, Callable[[tuple[Gap, ...]], FailedReads]] = {
    403: _forbidden,
    404: _not_found,
    429: _throttled,
    504: _late,
}


def _check_again() -> Action:
    return Action("Check again")


def _server_of(gaps: Sequence[Gap]) -> str:
    return "Azure" if gaps[0].source == "azure" else "The API server"


def _named(gaps: Iterable[Gap]) -> str:
    """The first resources by name, with their namespaces, and the number of the others."""
    names = sorted({_name(each) for each in gaps})
    shown, more = names[:_MOST_NAMED], len(names) - _MOST_NAMED
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return enumerated(shown)


def _name(gap: Gap) -> str:
    resource = "/".join(gap.resource.split("/")[-2:]) if gap.resource.startswith("/") else gap.resource
    return f"{resource} in namespace {gap.namespace}" if gap.namespace and not gap.name else resource


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(". ")
