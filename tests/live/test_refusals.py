"""Steps over objects that are changed or created by others, in a real API server."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from checks.actions.plan import ActionKind, ActionPlan, PlanRefusal
from checks.actions.planning import PlanRequest, plan_action
from checks.actions.probe_objects import object_name, probe_job
from checks.actions.results import ActionOutcome, ActionResult
from checks.config.configuration_file import load
from checks.model.question import Question
from checks.sources.access import kubeconfig_access
from checks.sources.action_api import ActionApi
from checks.sources.action_facts import read_action_facts
from checks.sources.active_steps import ActiveSteps
from checks.sources.live import open_source
from tests.helm.installed import LIVE
from tests.live.cluster import URL, StepCluster
from tests.live.node import NodeBehaviour
from tests.live.webhook import AdmissionWebhook, rule

pytestmark = LIVE


def unchanged() -> PlanRefusal | None:
    return None


class PlannedStep:
    """A plan of the action worker's account, and the steps that execute it."""

    def __init__(self, cluster: StepCluster, namespace: str, kind: ActionKind) -> None:
        (entry,) = load(cluster.config).clusters
        question = Question(entry.identity, "egw", namespace)
        now = datetime.now(UTC).replace(microsecond=0)
        request = PlanRequest(secrets.token_hex(6), kind, now, "tests", "curl:8", (URL,), (namespace,))
        plan = plan_action(request, read_action_facts(open_source(entry), question, 30))
        assert isinstance(plan, ActionPlan), plan
        self.plan = plan
        self.steps = ActiveSteps(ActionApi(kubeconfig_access(Path(str(entry.kubeconfig)), None)))

    def execute(self, before: Callable[[], object] = lambda: None) -> ActionResult:
        """Execute the plan after something has happened that its preconditions do not show."""
        before()
        try:
            return self.steps.execute(self.plan, unchanged, lambda _: None)
        finally:
            self.steps.clean_up(self.plan)


def test_a_job_of_the_same_name_is_neither_read_nor_deleted(cluster: StepCluster) -> None:
    cluster.add_gateway("foreign")
    step = PlannedStep(cluster, "foreign", ActionKind.PROBE_POD)
    theirs = probe_job(step.plan.id, "another-installation", "foreign", "sgc", "curl:8", [URL])
    result = step.execute(lambda: cluster.ok("POST", "/apis/batch/v1/namespaces/foreign/jobs", theirs))
    assert result.outcome is ActionOutcome.REFUSED
    assert "did not create has the name of the probe; it was not touched" in result.summary
    assert cluster.names("foreign", "jobs") == {object_name(step.plan.id)}


def test_a_namespace_that_is_deleted_refuses_the_plan_and_the_change(cluster: StepCluster) -> None:
    cluster.add_gateway("terminating")
    step = PlannedStep(cluster, "terminating", ActionKind.PROBE_POD)
    keeper = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "keeper", "namespace": "terminating", "finalizers": ["example.com/keeper"]},
    }
    cluster.chart.server.create([keeper])
    result = step.execute(lambda: cluster.ok("DELETE", "/api/v1/namespaces/terminating"))
    assert (result.outcome, "The namespace is being deleted" in result.summary) == (ActionOutcome.NOT_COMPLETED, True)
    answer = cluster.take("probe", "terminating")
    assert (answer.code, answer.document["result"]["refusal"]["kind"]) == (2, "terminating")
    free = {"metadata": {"finalizers": None}}
    path = "/api/v1/namespaces/terminating/configmaps/keeper"
    cluster.ok("PATCH", path, free, kind="application/merge-patch+json")


def test_a_job_that_is_deleted_meanwhile_ends_the_probe(cluster: StepCluster) -> None:
    cluster.add_gateway("deleted-job", NodeBehaviour(seconds=3600))
    step = PlannedStep(cluster, "deleted-job", ActionKind.PROBE_POD)
    path = f"/apis/batch/v1/namespaces/deleted-job/jobs/{object_name(step.plan.id)}?propagationPolicy=Background"

    def delete() -> None:
        cluster.wait(lambda: cluster.names("deleted-job"), "the probe pod is created")
        cluster.ok("DELETE", path)

    deleting = Thread(target=delete)
    result = step.execute(deleting.start)
    deleting.join()
    assert (result.outcome, "was deleted before the probe ended" in result.summary) == (
        ActionOutcome.NOT_COMPLETED,
        True,
    ), result
    cluster.wait_until_removed("deleted-job")


def test_a_gateway_pod_that_is_replaced_ends_the_probe(cluster: StepCluster) -> None:
    cluster.add_gateway("replaced", NodeBehaviour(seconds=3600), replicas=1)
    step = PlannedStep(cluster, "replaced", ActionKind.PROBE_GATEWAY)
    path = f"/api/v1/namespaces/replaced/pods/{step.plan.pod}"
    result = step.execute(lambda: cluster.ok("DELETE", path))
    assert (result.outcome, "was deleted before the probe ended" in result.summary) == (
        ActionOutcome.NOT_COMPLETED,
        True,
    ), result


def test_a_webhook_that_denies_the_probe_is_quoted(cluster: StepCluster) -> None:
    cluster.add_gateway("denying-webhook")
    with AdmissionWebhook(lambda request: "" if request.get("dryRun") else "no probes before noon") as webhook:
        configuration = webhook.configuration("denying-webhook", rule("jobs.batch", "CREATE"))
        cluster.chart.server.create([configuration])
        cluster.wait_until_called(webhook, "denying-webhook")
        answer = cluster.take("probe", "denying-webhook")
        name = configuration["metadata"]["name"]
        cluster.ok("DELETE", f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}")
    summary = answer.document["result"]["summary"]
    assert answer.code == 3
    assert "An admission webhook denied the probe" in summary
    assert "no probes before noon" in summary


def test_a_pod_of_another_owner_with_the_same_label_is_not_read(cluster: StepCluster) -> None:
    cluster.add_gateway("same-labels")
    step = PlannedStep(cluster, "same-labels", ActionKind.PROBE_POD)
    template = probe_job(step.plan.id, "tests", "same-labels", "sgc", "curl:8", [URL])["spec"]["template"]
    metadata = {**template["metadata"], "name": "zz", "namespace": "same-labels"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}

    def create() -> None:
        cluster.ok("POST", "/api/v1/namespaces/same-labels/pods", pod)
        path = "/api/v1/namespaces/same-labels/pods/zz"
        cluster.wait(lambda: cluster.ok("GET", path)["status"]["phase"] == "Succeeded", "the pod has ended")

    result = step.execute(create)
    assert result.probe is not None
    assert result.probe["pod"].startswith(object_name(step.plan.id))


def test_a_probe_that_does_not_end_is_stopped_by_its_own_deadline(cluster: StepCluster) -> None:
    cluster.add_gateway("endless", NodeBehaviour(seconds=3600))
    step = PlannedStep(cluster, "endless", ActionKind.PROBE_POD)
    create, delete = step.plan.calls
    job = copy.deepcopy(dict(create.body or {}))
    job["spec"]["activeDeadlineSeconds"] = 3
    step.plan = replace(step.plan, calls=(replace(create, body=job), delete))
    result = step.execute()
    assert (result.outcome, "did not end before its deadline" in result.summary) == (
        ActionOutcome.NOT_COMPLETED,
        True,
    ), result
    cluster.wait_until_removed("endless")
