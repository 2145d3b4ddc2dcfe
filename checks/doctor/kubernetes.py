"""Doctor's requirements of one API server: credentials, connection, permissions, clock."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig
from checks.doctor.azure import clock_agreement
from checks.doctor.remedies import api_server_fix, plugin_fix
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions, lost_checks
from checks.doctor.requirements import CLOCK, LOGIN, REACHABLE, RIGHT
from checks.engine.permissions import Right, kubernetes_rights
from checks.facts.fact import Credentials
from checks.facts.namespaces import Secret
from checks.knowledge.azure_sign_in import is_without_identity
from checks.model.enumerations import enumerated
from checks.sources.kubeconfig import UNVERIFIED_SERVER
from checks.sources.live import LiveSource
from checks.sources.questions import ApiServerQuestions, server_of
from checks.sources.replies import Failure

_RENEW = "Renew the kubeconfig: az aks get-credentials --overwrite-existing; with kubelogin, sign in again: az login."
_VERIFY = "Renew the kubeconfig, which then has the certificate authority: az aks get-credentials --overwrite-existing."
_NAMESPACES_ONLY = (
    "Bind the ClusterRole that `egress-diag checks --permissions` prints. Or name the namespace of the gateway with "
    "--namespace, and accept that some checks of other namespaces are not made (docs/permissions.md#namespaces-only)."
)


def kubernetes_lines(
    entry: ClusterConfig,
    source: LiveSource,
    options: DoctorOptions,
    clock: Callable[[], datetime],
    deadline: float,
    *,
    signed_in: bool = True,
) -> Iterator[DoctorLine]:
    """A line for the credentials, the connection, each needed permission, and the clock.

    Without `signed_in`, the missing sign-in to Azure has its line already.
    """
    questions = ApiServerQuestions(source.access)
    try:
        client = source.access.client(deadline)
    except Failure as failure:
        yield _login_failure(entry, failure, options, signed_in)
        yield RIGHT.not_checked("there are no credentials for the API server", entry.name)
        return
    if entry.kubeconfig is None and client.configuration.cert_file:
        yield LOGIN.warned(
            "with the cluster-admin certificate of a cluster without Entra integration, which has every permission",
            entry.name,
            "Enable Entra on the cluster, then remove allow_client_certificate from its entry.",
        )
    else:
        yield LOGIN.passed("found", entry.name)
    try:
        answer = questions.version(deadline)
    except Failure as failure:
        unauthorized = failure.status == 401
        if unauthorized:
            yield LOGIN.failed(failure.message, entry.name, _RENEW if options.terminal else "")
        else:
            yield REACHABLE.failed(failure.message, entry.name, api_server_fix(failure, entry.identity.context))
        yield RIGHT.not_checked(
            "the API server rejected the credentials" if unauthorized else "no connection to the API server", entry.name
        )
        return
    if client.configuration.verify_ssl:
        yield REACHABLE.passed(server_of(answer), entry.name)
    else:
        yield REACHABLE.warned(f"{server_of(answer)}. {UNVERIFIED_SERVER}", entry.name, _VERIFY)
    yield from _rights(entry, source, questions, deadline)
    yield clock_agreement(CLOCK, entry.name, answer.at, clock())


def _login_failure(entry: ClusterConfig, failure: Failure, options: DoctorOptions, signed_in: bool) -> DoctorLine:
    if not signed_in and failure.credentials is Credentials.AZURE:
        return LOGIN.not_checked("they come from Azure, and the sign-in to Azure failed", entry.name)
    if is_without_identity(failure.message) and not options.selected:
        return LOGIN.not_checked("this process has no Azure credential", entry.name)
    if fix := plugin_fix(failure.message):
        return LOGIN.failed(failure.message, entry.name, fix)
    if "no Entra integration" in failure.message:
        return LOGIN.failed(failure.message, entry.name, "Enable Entra on the cluster: az aks update --enable-aad.")
    return LOGIN.failed(failure.message, entry.name)


def _rights(
    entry: ClusterConfig, source: LiveSource, questions: ApiServerQuestions, deadline: float
) -> Iterator[DoctorLine]:
    wanted = [(right, verb) for right in kubernetes_rights(catalogue()) for verb in right.verbs]
    with ThreadPoolExecutor(8, thread_name_prefix="rights") as pool:
        yield from pool.map(lambda each: _right(entry, source, questions, each[0], each[1], deadline), wanted)


def _right(
    entry: ClusterConfig, source: LiveSource, questions: ApiServerQuestions, right: Right, verb: str, deadline: float
) -> DoctorLine:
    name = f"{right.resource}.{right.group}" if right.group else right.resource
    subject = f"{entry.name} {verb} {name}"
    try:
        if questions.allowed(right.group, right.resource, verb, deadline):
            return RIGHT.passed("allowed", subject)
        places = [
            namespace
            for namespace in source.namespaces
            if questions.allowed(right.group, right.resource, verb, deadline, namespace)
        ]
    except Failure as failure:
        return RIGHT.not_checked(f"{failure.status} {failure.message}", subject)
    lost = lost_checks(right.lost)
    if places and right.resource != Secret.origin.plural:
        cause = f"only in {enumerated(places)}"
        line = RIGHT.warned(f"{cause}; {lost} without the others", subject, _NAMESPACES_ONLY)
        return replace(line, cause=cause, lost=right.lost)
    if (right.group, right.resource) == (Secret.origin.group, Secret.origin.plural):
        return RIGHT.warned(
            f"not granted in every namespace: for gateways with a credentialName, {lost}",
            subject,
            "Name the namespaces of these gateways in rbac.secretNamespaces of the chart (docs/permissions.md#secrets).",
        )
    return replace(RIGHT.failed(f"forbidden; {lost}", subject), cause="forbidden", lost=right.lost)
