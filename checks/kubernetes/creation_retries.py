"""When a controller tries again to create pods that the API server refused."""

from collections.abc import Iterable

from checks.facts.view import Facts
from checks.facts.workloads import ReplicaSet
from checks.kubernetes.create_refusals import Refusal
from checks.model.commands import change, kubectl
from checks.model.findings import Action

_ANNOTATION = "egress-diag/retry"


def retry_creation(facts: Facts, refusals: Iterable[Refusal]) -> list[Action]:
    """Make the gateway's ReplicaSets try again at once, without a restart of pods that run.

    A ReplicaSet waits up to 17 minutes between attempts (the longest delay of Kubernetes' work queues is 1,000 s). Every
    change of the object starts an attempt. Requires ReplicaSet declared.
    """
    return _attempts(facts, dict.fromkeys(each.revision for each in refusals if each.revision), _CREATED)


def retry_without_reason(facts: Facts, revision: str) -> list[Action]:
    """Make the ReplicaSets of a revision try again, if nothing shows why pods are missing.

    The attempt creates the pods, or its event shows the reason. Requires ReplicaSet declared.
    """
    return _attempts(facts, (revision,), f"{_CREATED}; otherwise a new event FailedCreate shows the reason")


def retry_missing(facts: Facts, revision: str) -> list[Action]:
    """Make the ReplicaSets of a revision that lack pods try again, after the fix.

    Requires ReplicaSet declared.
    """
    return _attempts(facts, (revision,), _CREATED, missing=True)


_CREATED = "the ReplicaSet has its pods within seconds"


def _attempts(facts: Facts, revisions: Iterable[str], expect: str, *, missing: bool = False) -> list[Action]:
    namespace = facts.gateway.namespace
    owners = {("Deployment", f"{facts.gateway.name}-{revision}") for revision in revisions}
    known = facts.readable(ReplicaSet, namespace)
    wanted = (each for each in known if each.replicas and owners & set(each.owners))
    return [_annotate(each, expect) for each in wanted if not missing or each.existing < each.replicas]


def _annotate(each: ReplicaSet, expect: str) -> Action:
    value = f'"{_ANNOTATION}=$(date +%s)"'
    command = f"{kubectl('annotate', 'replicaset', each.name, '--overwrite', namespace=each.namespace)} {value}"
    return change(
        f"Make {each.ref} create its pods at once, instead of at its next attempt within 17 minutes",
        command,
        expect=expect,
    )
