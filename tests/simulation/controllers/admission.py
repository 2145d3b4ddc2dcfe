"""Why the API server refuses a pod of a Deployment.

Sources: https://kubernetes.io/docs/concepts/policy/resource-quotas, https://kubernetes.io/docs/concepts/security/pod-security-standards,
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers.
"""

from collections.abc import Iterator
from decimal import Decimal

from checks.facts.label_selectors import selects
from checks.model.quantities import quantity
from tests.clusters.bundles import Manifest
from tests.clusters.compose import identity
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.controllers.healthy import condition
from tests.simulation.controllers.policies import admitted


def create_refusals(copy: ClusterCopy, deployment: Manifest) -> list[str]:
    """The reasons that the facts show."""
    namespace = identity(deployment)[2]
    home = copy.get("Namespace", "", namespace)
    if home is None and copy.of("Pod", namespace):
        home = {"kind": "Namespace", "metadata": {"name": namespace}}  # it has pods, so it exists
    if home is None or home["metadata"].get("deletionTimestamp"):
        return ["the namespace does not exist or is being deleted"]
    return [
        *_quota(copy, namespace, deployment),
        *_security(copy, home, deployment),
        *_webhooks(copy, home, deployment),
        *_policies(copy, home, deployment),
    ]


def _quota(copy: ClusterCopy, namespace: str, deployment: Manifest) -> Iterator[str]:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    for quota in copy.of("ResourceQuota", namespace):
        for resource, hard in ((quota.get("spec") or {}).get("hard") or {}).items():
            used = ((quota.get("status") or {}).get("used") or {}).get(resource, "0")
            limit, taken = quantity(str(hard)), quantity(str(used))
            if limit is not None and taken is not None and taken + _request(containers, resource) > limit:
                yield f"quota {identity(quota)[3]} is exhausted ({resource})"


def _request(containers: list[Manifest], resource: str) -> Decimal:
    if resource in ("pods", "count/pods"):
        return Decimal(1)
    kind, _, name = resource.rpartition(".")
    values = [((each.get("resources") or {}).get(kind or "requests") or {}).get(name, "0") for each in containers]
    return sum((quantity(str(each)) or Decimal(0) for each in values), Decimal(0))


def _security(copy: ClusterCopy, home: Manifest, deployment: Manifest) -> Iterator[str]:
    level = (home["metadata"].get("labels") or {}).get("pod-security.kubernetes.io/enforce")
    spec = deployment["spec"]["template"]["spec"]
    seccomp = ((spec.get("securityContext") or {}).get("seccompProfile") or {}).get("type")
    if level == "restricted" and not seccomp:
        yield "pod security level restricted requires a seccomp profile"


def _webhooks(copy: ClusterCopy, home: Manifest, deployment: Manifest) -> Iterator[str]:
    """A webhook that covers new pods, and does not answer or denied them before."""
    denied = [each for each in _messages(copy, home, deployment) if not admitted(copy, each, home)]
    labels = deployment["spec"]["template"]["metadata"].get("labels") or {}
    home_labels = {**(home["metadata"].get("labels") or {}), "kubernetes.io/metadata.name": identity(home)[3]}
    for configuration in (*copy.of("ValidatingWebhookConfiguration"), *copy.of("MutatingWebhookConfiguration")):
        for hook in configuration.get("webhooks") or ():
            covers = any(
                {"pods", "*"} & set(rule.get("resources") or ()) and {"CREATE", "*"} & set(rule.get("operations") or ())
                for rule in hook.get("rules") or ()
            )
            applies = selects(hook.get("namespaceSelector") or {}, home_labels) and selects(
                hook.get("objectSelector") or {}, labels
            )
            named_ = any(_refusal(copy, hook, message) for message in denied)
            if covers and applies and named_ and hook.get("failurePolicy", "Fail") == "Fail":
                yield f"webhook {hook['name']}"


def _policies(copy: ClusterCopy, home: Manifest, deployment: Manifest) -> Iterator[str]:
    """A policy that refused the pods before, and from which nothing exempts them."""
    kinds = ("failed quota", "usage per", "ValidatingAdmissionPolicy")
    for message in _messages(copy, home, deployment):
        if any(each in message for each in kinds) and not admitted(copy, message, home):
            yield message


def _messages(copy: ClusterCopy, home: Manifest, deployment: Manifest) -> list[str]:
    """The refusals that conditions report, or events: a condition is the newest refusal."""
    found = [str(each.get("message")) for each in copy.of("Event") if each.get("reason") == "FailedCreate"]
    conditions = [
        e
        for r in (deployment, *copy.of("ReplicaSet", identity(home)[3]))
        for e in (r.get("status") or {}).get("conditions") or ()
    ]
    return [str(each.get("message")) for each in conditions if each.get("type") == "ReplicaFailure"] or found


def _refusal(copy: ClusterCopy, hook: Manifest, message: str) -> bool:
    """Whether the webhook refused objects and still does.

    One that did not answer admits them when its backend is ready.
    """
    return f'webhook "{hook["name"]}"' in message and not ("failed calling webhook" in message and _answers(copy, hook))


def _answers(copy: ClusterCopy, hook: Manifest) -> bool:
    """Whether the Service of a webhook selects a ready pod."""
    called = (hook.get("clientConfig") or {}).get("service") or {}
    service = copy.get("Service", str(called.get("namespace", "")), str(called.get("name", "")))
    selector: Manifest | None = ((service or {}).get("spec") or {}).get("selector")
    return selector is not None and any(
        condition(each, "Ready") == "True" and selects(selector, each["metadata"].get("labels") or {})
        for each in copy.of("Pod", str(called.get("namespace", "")))
    )
