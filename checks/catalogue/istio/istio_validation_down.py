"""EG520: the webhook that validates Istio's objects has no ready endpoint."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.admission_webhooks import ValidatingWebhookConfiguration, Webhook
from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.label_selectors import selects
from checks.facts.services import EndpointSlice, Service
from checks.facts.view import Facts
from checks.istio.istiod_faults import reconcile_addon
from checks.kubernetes.ownership import with_owner
from checks.model.commands import ADDON, delete_kept, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, healthy, skip, warn
from checks.model.raw_values import texts


@check(
    code="EG520",
    title="Istio's validating webhook is down: Istio objects cannot be changed",
    severity=Severity.RISKS,
    hop="egress gateway",
    reads=(ValidatingWebhookConfiguration, Service, EndpointSlice),
)
def istio_validation_down(facts: Facts) -> Iterator[Observation]:
    """What it checks: the webhooks that send Istio objects to `istiod-<revision>` for validation, including those that an
    earlier revision left behind, and whether that Service exists and has a ready endpoint. It warns if it has none and
    failurePolicy is Fail.

    Why it matters: traffic continues, but every create and update of a Gateway, VirtualService, ServiceEntry or other Istio
    object of that revision is rejected, so no fix can be applied.

    What usually fixes it: istiod: see istiod-unhealthy.

    Source: Istio `manifests/charts/istiod-remote`; docs/domain/components.md#istio-webhooks."""
    wanted = {f"istiod-{revision}": revision for revision in facts.gateway.revisions}
    found = [
        (configuration, hook, wanted.get(hook.service[1], hook.service[1].removeprefix("istiod-")))
        for configuration in facts.all(ValidatingWebhookConfiguration)
        for hook in configuration.webhooks
        if hook.service is not None and hook.service[0] == ROOT_NAMESPACE
        if hook.service[1] in wanted or _left_behind(hook, facts.gateway.revisions)
    ]
    if not found:
        yield skip("No webhook validates Istio objects for the gateway's revisions.")
        return
    enforced = [each for each in found if each[1].failure_policy == "Fail"]
    names = ", ".join(sorted({configuration.name for configuration, _, _ in enforced or found}))
    if not enforced:
        yield healthy(f"{names} admits Istio objects even if istiod does not answer (failurePolicy Ignore).")
        return
    unanswered: dict[str, tuple[str, Evidence]] = {}
    count = 0
    for configuration, hook, revision in enforced:
        if revision not in unanswered and (evidence := _without_endpoints(facts, f"istiod-{revision}")) is not None:
            unanswered[revision] = (configuration.name, evidence)
        if revision in unanswered:
            count += 1
            yield _warned(facts, configuration, hook, revision, unanswered[revision][1])
    if not count:
        yield healthy(f"Istiod answers {names}, which validates Istio objects.")


def _left_behind(hook: Webhook, revisions: tuple[str, ...]) -> bool:
    """Whether a webhook of another istiod still applies to these revisions' Istio objects.

    The other istiod can be that of a removed revision. Objects without a revision count too.
    """
    if hook.service is None or not hook.service[1].startswith("istiod-"):
        return False
    if not any("networking.istio.io" in texts(rule, "apiGroups") for rule in hook.rules):
        return False
    return any(selects(hook.object_selector, {"istio.io/rev": each}) for each in revisions) or selects(
        hook.object_selector, {}
    )


def _without_endpoints(facts: Facts, service: str) -> Evidence | None:
    """Evidence that the Service has no ready endpoint; None if it has one."""
    if facts.get(Service, service, ROOT_NAMESPACE) is None:
        return Evidence(f"Service {ROOT_NAMESPACE}/{service}", "metadata.name", "(not found)", service)
    slices = [each for each in facts.in_namespace(EndpointSlice, ROOT_NAMESPACE) if each.service == service]
    if any(each.ready_addresses for each in slices):
        return None
    return Evidence(f"Service {ROOT_NAMESPACE}/{service}", "ready endpoints", "0", "at least 1")


def _warned(
    facts: Facts, configuration: ValidatingWebhookConfiguration, hook: Webhook, revision: str, evidence: Evidence
) -> Observation:
    installed = revision in facts.gateway.revisions
    whose = f" of revision {revision}" if installed else ""
    pods = kubectl("get", "pods,endpointslices", "-l", "app=istiod", "-o", "wide", namespace=ROOT_NAMESPACE)
    return warn(
        f"Istiod does not answer webhook {hook.name} of {configuration.ref}: Istio objects{whose} cannot be changed.",
        subject=configuration.ref,
        evidence=[evidence, Evidence(configuration.ref, f"webhooks[{hook.name}].failurePolicy", hook.failure_policy)],
        actions=[
            inspect("List istiod's pods and endpoints", pods, ADDON),
            *([_next(facts, revision, evidence)] if installed else _remove(configuration, revision)),
        ],
        about=[Involved("revision", revision), Involved("webhook", configuration.name)],
    )


def _next(facts: Facts, revision: str, evidence: Evidence) -> Action:
    """The fix of a missing Service; without endpoints, what its selector matches."""
    if evidence.field == "metadata.name":
        return reconcile_addon(facts)
    show = kubectl("get", "service", f"istiod-{revision}", "-o", "wide", namespace=ROOT_NAMESPACE)
    return inspect("Show the Service's selector, which has to match istiod's pods", show)


def _remove(configuration: ValidatingWebhookConfiguration, revision: str) -> list[Action]:
    title = f"Delete the webhook that revision {revision} left behind"
    resource, expect = "validatingwebhookconfiguration", "Istio objects can be changed"
    save, delete = delete_kept(resource, configuration.name, title, ADDON, expect)
    return [save, with_owner(delete, configuration)]
