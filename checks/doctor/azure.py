"""Doctor's requirements of Azure for one cluster: credential, cluster, permissions, clock."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig
from checks.doctor.remedies import azure_fix, sign_in_fix
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions, Requirement, lost_checks
from checks.doctor.requirements import AZURE_CLOCK, AZURE_CLUSTER, AZURE_CREDENTIAL, AZURE_REACHABLE, AZURE_RIGHT
from checks.engine.permissions import CREDENTIAL_ACTION, azure_rights
from checks.engine.readings import record
from checks.facts.agent_pools import AgentPool
from checks.facts.fact import ArmResource, AzureCall, Fact, Gap
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_interfaces import MachineInterface, NetworkInterface
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.public_addresses import NatGateway, PublicIPAddress, PublicIPPrefix
from checks.facts.role_assignments import RoleAssignmentList, RoleDefinition
from checks.facts.security_groups import NetworkSecurityGroup
from checks.facts.store import FactStore
from checks.knowledge.azure_sign_in import is_without_identity
from checks.sources.gathering import gather
from checks.sources.live import LiveSource
from checks.sources.questions import AzureQuestions
from checks.sources.replies import Failure

SKEW = timedelta(seconds=60)
"""The clock difference that is tolerated.

Tokens allow some minutes, and Slack refuses requests from 300 s on.
"""

_NETWORK: tuple[type[Fact], ...] = (
    Subnet,
    NetworkSecurityGroup,
    RouteTable,
    NatGateway,
    PublicIPPrefix,
    PublicIPAddress,
    NetworkInterface,
    MachineInterface,
    RoleAssignmentList,
    RoleDefinition,
)
_READ: tuple[type[Fact], ...] = (AgentPool, *_NETWORK)


def azure_lines(
    entry: ClusterConfig, source: LiveSource, options: DoctorOptions, clock: Callable[[], datetime], deadline: float
) -> Iterator[DoctorLine]:
    """A line for the credential, the cluster, each action, and the clock."""
    assert source.account is not None  # noqa: S101 - the caller has checked it
    questions = AzureQuestions(source.account, entry.resource_group, entry.azure_name)
    try:
        answer = questions.cluster(deadline)
    except Failure as failure:
        yield cluster_not_read(entry, failure, options)
        yield AZURE_RIGHT.not_checked("the cluster could not be read from Azure", entry.name)
        return
    yield AZURE_REACHABLE.passed("connected", entry.name)
    yield AZURE_CREDENTIAL.passed("accepted", entry.name)
    yield AZURE_CLUSTER.passed(f"{entry.azure_name} in {entry.resource_group}", entry.name)
    yield AZURE_RIGHT.passed("allowed", f"{entry.name} {_action(ManagedCluster)}")
    if entry.kubeconfig is None:
        yield _login(entry, questions, deadline)
    yield from _reads(entry, source, clock, deadline)
    yield clock_agreement(AZURE_CLOCK, entry.name, answer.at, clock())


def clock_agreement(requirement: Requirement, subject: str, date: datetime | None, now: datetime) -> DoctorLine:
    """Compare this clock with a server's; `date` is the Date header of its answer."""
    if date is None:
        return requirement.not_checked("the answer has no Date header", subject)
    seconds = (now - date).total_seconds()
    if abs(seconds) <= SKEW.total_seconds():
        return requirement.passed(f"within {SKEW.total_seconds():.0f} s", subject)
    word = "ahead" if seconds > 0 else "behind"
    return requirement.failed(f"this clock is {abs(seconds):.0f} s {word}", subject)


def cluster_not_read(entry: ClusterConfig, failure: Failure, options: DoctorOptions) -> DoctorLine:
    """The line for a managed cluster that was not read, with the requirement that is not met."""
    match failure.status:
        case 401 if is_without_identity(failure.message) and not options.selected and not options.terminal:
            return AZURE_CREDENTIAL.not_checked(
                f"this process has no Azure credential ({failure.message}); only the workers need one",
                entry.name,
                "Run `egress-diag doctor --only clusters` in a worker.",
            )
        case 401:
            fix = sign_in_fix(failure, at_a_terminal=options.terminal)
            return AZURE_CREDENTIAL.failed(failure.message, entry.name, fix)
        case 403:
            return AZURE_RIGHT.failed(failure.message, f"{entry.name} {_action(ManagedCluster)}")
        case 404:
            return AZURE_CLUSTER.failed(failure.message, entry.name)
        case _:
            return AZURE_REACHABLE.failed(failure.message, entry.name, azure_fix(failure))


def _login(entry: ClusterConfig, questions: AzureQuestions, deadline: float) -> DoctorLine:
    subject = f"{entry.name} {CREDENTIAL_ACTION}"
    try:
        questions.login(deadline)
    except Failure as failure:
        if failure.status == 403:
            return AZURE_RIGHT.failed(f"{failure.message}; {_lost(CREDENTIAL_ACTION)}", subject)
        return AZURE_RIGHT.not_checked(failure.message, subject)
    return AZURE_RIGHT.passed("allowed", subject)


def _reads(
    entry: ClusterConfig, source: LiveSource, clock: Callable[[], datetime], deadline: float
) -> Iterator[DoctorLine]:
    """Make the reads that checks need.

    Azure reports an identity's permissions only to those who may read them.
    """
    store = FactStore(clock())
    for reading in gather(source, (ManagedCluster, *_READ), store, deadline):
        record(store, reading)
    for kind in _READ:
        subject = f"{entry.name} {_action(kind)}"
        gaps = store.gaps(kind)
        own = [gap for gap in gaps if _is_about(gap, kind)]
        if any(gap.status == 403 for gap in own):
            message = next(gap.message for gap in own if gap.status == 403)
            if isinstance(kind.origin, ArmResource) and kind.origin.optional:
                yield AZURE_RIGHT.passed(f"not granted, which is optional: {message}", subject)
                continue
            yield AZURE_RIGHT.failed(f"{message}; {_lost(_action(kind))}", subject)
        elif gaps:
            yield AZURE_RIGHT.not_checked("; ".join(dict.fromkeys(str(gap) for gap in gaps)), subject)
        elif kind is PublicIPAddress and not store.known(kind):
            yield _public_address(source, store, subject, deadline)
        elif not store.known(kind):
            yield AZURE_RIGHT.passed("not needed: the cluster uses no such resource", subject)
        else:
            yield AZURE_RIGHT.passed("allowed", subject)


def _public_address(source: LiveSource, store: FactStore, subject: str, deadline: float) -> DoctorLine:
    """Read an outbound address of the cluster, which checks read only after a probe."""
    ids = [each for cluster in store.known(ManagedCluster) for each in cluster.outbound_ip_ids]
    if not ids:
        return AZURE_RIGHT.passed("not needed: the cluster has no public IP of its own", subject)
    answer = source.arm(ids[0], deadline)
    if not isinstance(answer, Gap):
        return AZURE_RIGHT.passed("allowed", subject)
    if answer.status != 403:
        return AZURE_RIGHT.not_checked(str(answer), subject)
    return AZURE_RIGHT.failed(f"{answer.message}; {_lost(_action(PublicIPAddress))}", subject)


def _is_about(gap: Gap, kind: type[Fact]) -> bool:
    """Whether this read itself failed, and not an earlier one that it depends on."""
    words = _action(kind).lower().removesuffix("/read").rsplit("/", 1)[-1]
    return gap.source == "azure" and words in re.split(r"[/?]", gap.resource.lower())


def _action(kind: type[Fact]) -> str:
    match kind.origin:
        case AzureCall(action=action) | ArmResource(action=action):
            return action
        case _:
            raise TypeError(f"{kind.__name__} is not read from Azure")


def _lost(action: str) -> str:
    """The checks that cannot be made without an action, as a clause."""
    codes = next((right.lost for right in azure_rights(catalogue()) if right.resource == action), ())
    return lost_checks(codes)
