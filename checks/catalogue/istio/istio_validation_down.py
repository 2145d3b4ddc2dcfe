"""EG520: nobody answers the webhook that validates Istio's objects."""

from collections.abc import Iterator

from checks.check import check
from checks.commands import ADDON, kubectl, look, restart
from checks.facts.istio import ROOT_NAMESPACE
from checks.facts.kubernetes import EndpointSlice, Service, ValidatingWebhookConfiguration, Webhook
from checks.facts.view import Facts
from checks.findings import Evidence, Involved, Observation, Severity, healthy, skip, warn


@check(
    code="EG520",
    title="Nobody validates Istio's objects, so that they cannot be changed",
    severity=Severity.RISKS,
    reads=(ValidatingWebhookConfiguration, Service, EndpointSlice),
)
def istio_validation_down(facts: Facts) -> Iterator[Observation]:
    """What it looks at: the webhooks that send Istio's objects to `istiod-<revision>` for validation, and whether that
    Service exists and has a ready endpoint. With failurePolicy Fail and none it warns.

    Why it matters: traffic flows on, but every create and update of a Gateway, VirtualService, ServiceEntry or other
    Istio object of that revision is refused, so that no correction can be applied.

    What usually fixes it: istiod: see istiod-unhealthy.

    Source: Istio `manifests/charts/istiod-remote`; domain.md 1.2 and 6.10."""
    wanted = {f"istiod-{revision}": revision for revision in facts.gateway.revisions}
    found = [
        (configuration, hook, wanted[hook.service[1]])
        for configuration in facts.all(ValidatingWebhookConfiguration)
        for hook in configuration.webhooks
        if hook.service is not None and hook.service[0] == ROOT_NAMESPACE and hook.service[1] in wanted
    ]
    if not found:
        yield skip("No webhook validates Istio's objects for the gateway's revisions.")
        return
    enforced = [each for each in found if each[1].failure_policy == "Fail"]
    names = ", ".join(sorted({configuration.name for configuration, _, _ in enforced or found}))
    if not enforced:
        yield healthy(f"{names} lets Istio's objects pass when nobody answers (failurePolicy Ignore).")
        return
    dead: dict[str, tuple[str, Evidence]] = {}
    count = 0
    for configuration, hook, revision in enforced:
        if revision not in dead and (evidence := _unanswered(facts, f"istiod-{revision}")) is not None:
            dead[revision] = (configuration.name, evidence)
        if revision in dead:
            count += 1
            yield _warned(configuration, hook, revision, dead[revision][1])
    if not count:
        yield healthy(f"Istio's objects are validated by {names}, and istiod answers.")


def _unanswered(facts: Facts, service: str) -> Evidence | None:
    """What shows that nobody answers behind the Service; None where somebody does."""
    if facts.get(Service, service, ROOT_NAMESPACE) is None:
        return Evidence(f"Service {ROOT_NAMESPACE}/{service}", "metadata.name", "(not found)", service)
    slices = [each for each in facts.in_namespace(EndpointSlice, ROOT_NAMESPACE) if each.service == service]
    if any(each.ready_addresses for each in slices):
        return None
    return Evidence(f"Service {ROOT_NAMESPACE}/{service}", "ready endpoints", "0", "at least 1")


def _warned(
    configuration: ValidatingWebhookConfiguration, hook: Webhook, revision: str, evidence: Evidence
) -> Observation:
    return warn(
        f"Nobody answers webhook {hook.name} of {configuration.ref}, so Istio's objects of revision {revision} "
        "cannot be created or changed.",
        subject=configuration.ref,
        evidence=[evidence, Evidence(configuration.ref, f"webhooks[{hook.name}].failurePolicy", hook.failure_policy)],
        actions=[
            look(
                "Look at istiod's pods and endpoints",
                kubectl(
                    "get",
                    "pods,endpointslices",
                    "-l",
                    "app=istiod",
                    "-o",
                    "wide",
                    namespace=ROOT_NAMESPACE,
                ),
                ADDON,
            ),
            restart(f"istiod-{revision}", ROOT_NAMESPACE),
        ],
        about=[Involved("revision", revision), Involved("webhook", configuration.name)],
    )
