"""Doctor's requirements of one API server: credentials, connection, permissions, clock."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig
from checks.doctor.azure import clock_agreement, lost_checks
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions
from checks.doctor.requirements import CLOCK, LOGIN, REACHABLE, RIGHT
from checks.engine.permissions import Right, kubernetes_rights
from checks.facts.namespaces import Secret
from checks.sources.live import LiveSource
from checks.sources.questions import ApiServerQuestions, server_of
from checks.sources.replies import Failure


def kubernetes_lines(
    entry: ClusterConfig, source: LiveSource, options: DoctorOptions, clock: Callable[[], datetime], deadline: float
) -> Iterator[DoctorLine]:
    """A line for the credentials, the connection, each needed permission, and the clock."""
    questions = ApiServerQuestions(source.access)
    try:
        client = source.access.client(deadline)
    except Failure as failure:
        yield _login_failure(entry, failure, options)
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
        yield (LOGIN.failed if unauthorized else REACHABLE.failed)(failure.message, entry.name)
        yield RIGHT.not_checked(
            "the API server rejected the credentials" if unauthorized else "no connection to the API server", entry.name
        )
        return
    yield REACHABLE.passed(server_of(answer), entry.name)
    yield from _rights(entry, questions, deadline)
    yield clock_agreement(CLOCK, entry.name, answer.at, clock())


def _login_failure(entry: ClusterConfig, failure: Failure, options: DoctorOptions) -> DoctorLine:
    if "unavailable" in failure.message and not options.selected:
        return LOGIN.not_checked("this process has no Azure credential", entry.name)
    if "no Entra integration" in failure.message:
        return LOGIN.failed(failure.message, entry.name, "Enable Entra on the cluster: az aks update --enable-aad.")
    return LOGIN.failed(failure.message, entry.name)


def _rights(entry: ClusterConfig, questions: ApiServerQuestions, deadline: float) -> Iterator[DoctorLine]:
    wanted = [(right, verb) for right in kubernetes_rights(catalogue()) for verb in right.verbs]
    with ThreadPoolExecutor(8, thread_name_prefix="rights") as pool:
        yield from pool.map(lambda each: _right(entry, questions, each[0], each[1], deadline), wanted)


def _right(entry: ClusterConfig, questions: ApiServerQuestions, right: Right, verb: str, deadline: float) -> DoctorLine:
    name = f"{right.resource}.{right.group}" if right.group else right.resource
    subject = f"{entry.name} {verb} {name}"
    try:
        allowed = questions.allowed(right.group, right.resource, verb, deadline)
    except Failure as failure:
        return RIGHT.not_checked(f"{failure.status} {failure.message}", subject)
    if allowed:
        return RIGHT.passed("allowed", subject)
    lost = lost_checks(right.lost)
    if (right.group, right.resource) == (Secret.origin.group, Secret.origin.plural):
        return RIGHT.warned(
            f"not granted in every namespace: for gateways with a credentialName, {lost}",
            subject,
            "Name the namespaces of these gateways in rbac.secretNamespaces of the chart (docs/permissions.md#secrets).",
        )
    return RIGHT.failed(f"forbidden; {lost}", subject)
