"""What `egress-diag doctor` tries of one API server: the way in, whether it answers, each right, the clock."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig
from checks.doctor.azure import agreement, told
from checks.doctor.requirement_lines import Asked, Line
from checks.doctor.requirements import CLOCK, LOGIN, REACHABLE, RIGHT
from checks.engine.permissions import Right, kubernetes_rights
from checks.sources.live import LiveSource
from checks.sources.questions import ApiServerQuestions, server_of
from checks.sources.replies import Failure


def kubernetes_lines(
    entry: ClusterConfig, source: LiveSource, asked: Asked, clock: Callable[[], datetime], deadline: float
) -> Iterator[Line]:
    """The way in, whether the server answers, each right that the checks need, and the clock."""
    questions = ApiServerQuestions(source.access)
    try:
        client = source.access.client(deadline)
    except Failure as failure:
        yield _no_way_in(entry, failure, asked)
        yield RIGHT.untried("the API server was not asked", entry.name)
        return
    if entry.kubeconfig is None and client.configuration.cert_file:
        yield LOGIN.risk(
            "with the cluster-admin certificate that a cluster without Entra hands out: it may do everything",
            entry.name,
            "Enable Entra on the cluster, and take allow_client_certificate out of its entry.",
        )
    else:
        yield LOGIN.well("credentials are there", entry.name)
    try:
        answer = questions.version(deadline)
    except Failure as failure:
        known = failure.status == 401
        yield (LOGIN.wrong if known else REACHABLE.wrong)(failure.message, entry.name)
        yield RIGHT.untried("the API server was not asked", entry.name)
        return
    yield REACHABLE.well(server_of(answer), entry.name)
    yield from _rights(entry, questions, deadline)
    yield agreement(CLOCK, entry.name, answer.at, clock())


def _no_way_in(entry: ClusterConfig, failure: Failure, asked: Asked) -> Line:
    if "unavailable" in failure.message and not asked.insisted:
        return LOGIN.untried("there is no Azure credential in this process", entry.name)
    if "no Entra integration" in failure.message:
        return LOGIN.wrong(failure.message, entry.name, "Enable Entra on the cluster: az aks update --enable-aad.")
    return LOGIN.wrong(failure.message, entry.name)


def _rights(entry: ClusterConfig, questions: ApiServerQuestions, deadline: float) -> Iterator[Line]:
    wanted = [(right, verb) for right in kubernetes_rights(catalogue()) for verb in right.verbs]
    with ThreadPoolExecutor(8, thread_name_prefix="rights") as pool:
        yield from pool.map(lambda each: _right(entry, questions, each[0], each[1], deadline), wanted)


def _right(entry: ClusterConfig, questions: ApiServerQuestions, right: Right, verb: str, deadline: float) -> Line:
    name = f"{right.resource}.{right.group}" if right.group else right.resource
    subject = f"{entry.name} {verb} {name}"
    try:
        allowed = questions.allowed(right, verb, deadline)
    except Failure as failure:
        return RIGHT.untried(f"{failure.status} {failure.message}", subject)
    return RIGHT.well("allowed", subject) if allowed else RIGHT.wrong(f"forbidden; {told(right.lost)}", subject)
