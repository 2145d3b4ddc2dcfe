"""Actions that change something say what to expect, how to verify it and how to undo it.

tests/simulation carries out every undo command on a copy of the facts.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from checks.facts.azure_json import canonical
from checks.facts.fact import Gap
from checks.facts.namespaces import Namespace, Secret
from checks.facts.network_resources import RouteTable
from checks.facts.store import FactStore
from checks.facts.workloads import Deployment
from checks.model.commands import alternatives, change, disrupt, inspect, is_command, kubectl
from checks.model.findings import Action, Effect, Finding
from checks.steps.recipe import Recipe
from tests.clusters.compose import compose, named
from tests.recordings import diagnosed, question
from tests.scenarios.cases import all_cases
from tests.simulation.cluster_copy import ClusterCopy

DIAGNOSIS = "egress-diag diagnose prod-weu team-egress/egw --only EG405"
KEEP_DEPLOYMENT = (
    "keep the object before (`kubectl get deployments.apps egw-asm-1-30 -o yaml -n team-egress`); "
    "it can be created again from that"
)


@pytest.fixture(scope="module")
def store() -> FactStore:
    return ClusterCopy(compose(named("base"), {})).facts()


def completed(store: FactStore, *commands: str | Action) -> tuple[Action, ...]:
    actions = [each if isinstance(each, Action) else change(each[:60], each) for each in commands]
    return Recipe(store, DIAGNOSIS, "EG405 is not reported any more").completed(actions)


def undo(store: FactStore, command: str) -> str:
    return completed(store, command)[0].undo


def egw_patch(body: str, kind: str = "merge", resource: str = "service", name: str = "egw") -> str:
    return kubectl("patch", resource, name, "--type", kind, "-p", body, namespace="team-egress")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            egw_patch('{"spec": {"selector": {"istio": "other"}}}'),
            egw_patch('{"spec": {"selector": {"istio": "egw"}}}'),
        ),
        (egw_patch('{"spec": {"externalName": "x"}}'), egw_patch('{"spec": {"externalName": null}}')),
        (egw_patch('{"spec": {"selector": {"istio": "egw"}}}'), "nothing to take back"),
        (
            "kubectl label namespace team-a a=b istio.io/rev-",
            "kubectl label namespace team-a a- istio.io/rev=asm-1-30 --overwrite",
        ),
        (
            "kubectl scale deployment egw-asm-1-30 --replicas=5 -n team-egress",
            "kubectl scale deployment egw-asm-1-30 --replicas=2 -n team-egress",
        ),
        (
            "kubectl rollout restart deployment egw-asm-1-30 -n team-egress",
            "nothing to take back: the new pods have the specification of the old ones",
        ),
        ("kubectl cordon aks-gwpool-0", "kubectl uncordon aks-gwpool-0"),
        (
            "kubectl create namespace new",
            "`kubectl delete namespace new`, which also deletes everything in it",
        ),
        (
            "kubectl delete pod egw-asm-1-30-abc -n team-egress",
            "nothing to take back: the pod's owner has created a new pod",
        ),
        (
            "kubectl delete staticgatewayconfiguration sgc -n team-egress",
            "no command takes it back: a new StaticGatewayConfiguration gets another prefix",
        ),
        (
            "kubectl edit limitrange limits -n team-egress",
            "edit it again with the previous values; keep them before (`kubectl get limitrange limits -o yaml -n team-egress`)",
        ),
        (
            "kubectl delete deployment egw-asm-1-30 -n team-egress",
            KEEP_DEPLOYMENT,
        ),
        ("kubectl label namespace nowhere a=b", "no command takes it back: namespace nowhere does not exist"),
        ("kubectl patch widget w -p '{}'", "not known: widget w was not read"),
        (
            "az network nsg rule create --resource-group rg1 --nsg-name nsg --name allow --priority 100 --access Allow",
            "az network nsg rule delete --resource-group rg1 --name allow --nsg-name nsg",
        ),
        ('az aks update --resource-group "$GROUP" --name aks1', "nothing to take back: the command sets no value"),
        (
            'az aks start --resource-group "$GROUP" --name aks1',
            'az aks stop --resource-group "$GROUP" --name aks1',
        ),
        (
            "az aks nodepool scale --resource-group rg1 --cluster-name aks1 --nodepool-name gwpool --node-count 3",
            "not known: node pool gwpool was not read",
        ),
        (
            "az aks nodepool scale --nodepool-name p --node-count 3 && az aks nodepool scale --nodepool-name p --node-count 2",
            "nothing to take back: the last command restores the first value",
        ),
        (
            "az vmss restart --resource-group rg1 --name vmss --instance-ids 0 1",
            "nothing to take back: the machines keep their disks and settings",
        ),
        (
            "az vmss start --resource-group rg1 --name vmss --instance-ids 0 1",
            "az vmss deallocate --resource-group rg1 --name vmss --instance-ids 0 1",
        ),
        (
            "az aks create --resource-group rg1 --name aks2 --network-plugin azure",
            "az aks delete --resource-group rg1 --name aks2",
        ),
        (
            "az aks nodepool delete --resource-group rg1 --cluster-name aks1 --nodepool-name gwpool",
            "no command takes it back: a new pool of this name has new machines",
        ),
        (
            "az network public-ip delete --ids /p",
            "no command takes it back: Azure can assign the addresses to others",
        ),
        ("az resource update --ids /nic", "nothing to take back: the command sets no value"),
        (
            "az resource update --ids /aks1 --set properties.serviceMeshProfile.enabled=false",
            "not known: the previous value was not read",
        ),
        (
            "kubectl debug -it --image curlimages/curl egw-1 -n team-egress -- curl x",
            "no command takes it back: the container stays in the pod until the pod is replaced",
        ),
        (
            "kubectl debug node/aks-0 -it --image=busybox -- sysctl x",
            "delete the pod node-debugger-aks-0-… that the command leaves",
        ),
        (
            "az aks mesh enable-egress-gateway --istio-egressgateway-name egw",
            "not known: the mesh profile was not read",
        ),
    ],
)
def test_the_undo_of_a_command(store: FactStore, command: str, expected: str) -> None:
    assert undo(store, command) == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Allow the nodes to reach mcr.microsoft.com", "remove what you allowed"),
        ("Remove the lock on resource group x", "create it again with its previous settings"),
        ("Replace the host *", "write the previous value again, which you note before the change"),
    ],
)
def test_the_undo_of_a_step_without_a_command_says_what_to_do(store: FactStore, title: str, expected: str) -> None:
    assert completed(store, change(title))[0].undo == expected


KEEP_SECRET = (
    "no command takes it back: the values of a Secret are not read; "
    "keep them before (`kubectl get secret s -o yaml -n team-egress`)"
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            {"other": "UkVEQUNURUQ="},
            egw_patch('{"data": {"tls.key": null}}', resource="secret", name="s"),
        ),
        ({"tls.key": "UkVEQUNURUQ="}, KEEP_SECRET),
        ({"tls.key": "REDACTED"}, KEEP_SECRET),
        (None, KEEP_SECRET),
    ],
    ids=["a new key", "a bundle", "the names of keys", "metadata only"],
)
def test_values_of_a_secret_are_not_written_back_from_what_was_read(data: dict[str, str] | None, expected: str) -> None:
    found = FactStore(datetime(2026, 7, 1, tzinfo=UTC))
    metadata = {"name": "s", "namespace": "team-egress"}
    found.add(Secret, [Secret({"metadata": metadata, **({"data": data} if data else {})})])
    found.close(Secret)
    command = egw_patch('{"data": {"tls.key": "eA=="}}', resource="secret", name="s")
    assert undo(found, command) == expected


def test_a_new_object_is_deleted_and_a_present_one_gets_its_fields_back(store: FactStore) -> None:
    manifest = "apiVersion: v1\nkind: Service\nmetadata:\n  name: {}\n  namespace: team-egress\nspec:\n  type: NodePort"
    apply = "kubectl apply -f - <<'EOF'\n" + manifest + "\nEOF"
    assert undo(store, apply.format("new")) == "kubectl delete services new -n team-egress"
    assert undo(store, apply.format("egw")) == (
        'kubectl patch services egw --type merge -p \'{"spec": {"type": "ClusterIP"}}\' -n team-egress'
    )


def test_a_kind_that_is_not_read_is_deleted_only_if_the_object_is_new(store: FactStore) -> None:
    manifest = "apiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata:\n  name: x\n  namespace: team-egress"
    assert undo(store, f"kubectl apply -f - <<'EOF'\n{manifest}\nEOF") == (
        "`kubectl delete policyexception.kyverno.io x -n team-egress`, unless the object existed before: this kind is not read"
    )


def test_an_object_that_could_not_be_read_has_no_undo_command() -> None:
    """Its previous value is unknown: a command would overwrite it with a guess."""
    recorded = ClusterCopy(compose(named("base"), {})).facts()
    forbidden = recorded.with_facts({Namespace: ()})
    forbidden.add_gap(Namespace, Gap("kubernetes", "list", "namespaces", 403, "forbidden"))
    assert undo(forbidden, "kubectl label namespace team-egress a=b") == "not known: Namespace team-egress was not read"


def test_the_undo_of_a_route_gives_back_the_route_of_its_name() -> None:
    """Azure's tables of egress firewalls have a default route and exceptions from it."""
    routes = [
        {"name": name, "properties": {"addressPrefix": prefix, "nextHopType": hop, **more}}
        for name, prefix, hop, more in (
            ("default", "0.0.0.0/0", "VirtualAppliance", {"nextHopIpAddress": "10.0.0.4"}),
            ("partner", "20.1.0.0/16", "Internet", {}),
        )
    ]
    there = ClusterCopy(compose(named("base"), {})).facts()
    there.add(RouteTable, [RouteTable(canonical({"id": "/rt", "name": "rt", "properties": {"routes": routes}}))])
    table = "--resource-group rg1 --route-table-name rt --name"
    again = "--resource-group rg1 --name partner --route-table-name rt"
    assert undo(there, f"az network route-table route delete {table} partner") == (
        f"az network route-table route create {again} --address-prefix 20.1.0.0/16 --next-hop-type Internet"
    )
    changed = f"az network route-table route update {table} partner --next-hop-type None"
    assert undo(there, changed) == f"az network route-table route update {again} --next-hop-type Internet"
    assert undo(there, f"az network route-table route delete {table} other") == "not known: the route was not read"


def _deployment(**spec: object) -> FactStore:
    """Facts with one Deployment."""
    found = FactStore(datetime(2026, 7, 1, tzinfo=UTC))
    raw = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "team-a"},
        "spec": spec,
    }
    found.add(Deployment, [Deployment(raw)])
    found.close(Deployment)
    return found


def test_a_deployment_without_a_number_of_replicas_has_one() -> None:
    assert undo(_deployment(), "kubectl scale deployment web --replicas=3 -n team-a") == (
        "kubectl scale deployment web --replicas=1 -n team-a"
    )


def test_a_container_is_found_by_its_name_to_take_its_change_back() -> None:
    """`kubectl patch` merges lists of containers by name."""
    containers = [{"name": "proxy", "image": "p:1"}, {"name": "web", "image": "w:1"}]
    store = _deployment(template={"spec": {"containers": containers}})

    def patch(name: str, image: str) -> str:
        pods = {"spec": {"containers": [{"name": name, "image": image}]}}
        body = json.dumps({"spec": {"template": pods}})
        return kubectl("patch", "deployment", "web", "-p", body, namespace="team-a")

    taken_back = undo(store, patch("web", "w:2"))
    assert '"image": "w:1"' in taken_back
    assert '"name": "web"' in taken_back
    assert "p:1" not in taken_back
    assert not is_command(undo(store, patch("new", "n:1")))


def test_a_second_patch_of_an_object_is_taken_back_to_its_state_after_the_first(store: FactStore) -> None:
    first, second = completed(
        store,
        egw_patch('{"spec": {"selector": {"istio": "a"}}}'),
        egw_patch('{"spec": {"selector": {"istio": "b"}}}'),
    )
    assert '"istio": "egw"' in first.undo
    assert '"istio": "a"' in second.undo


def test_an_alternative_is_taken_back_to_the_state_before_what_it_replaces(store: FactStore) -> None:
    first = change("first", egw_patch('{"spec": {"selector": {"istio": "a"}}}'))
    other = change("other", egw_patch('{"spec": {"selector": {"istio": "b"}}}'))
    then = change("then", egw_patch('{"spec": {"selector": {"istio": "c"}}}'))
    found = completed(store, *alternatives(first, other), then)
    assert '"istio": "egw"' in found[1].undo
    assert '"istio": "a"' in found[2].undo


def test_a_json_patch_is_taken_back_by_index_with_a_test(store: FactStore) -> None:
    body = '[{"op": "replace", "path": "/spec/ports/0/port", "value": 81}, {"op": "remove", "path": "/spec/ports/1"}]'
    words = undo(store, egw_patch(body, "json"))
    assert '"op": "test", "path": "/spec/ports"' in words
    assert '{"op": "test", "path": "/spec/ports/0/port", "value": 81}' in words
    assert '{"op": "replace", "path": "/spec/ports/0/port", "value": 15021}' in words


def test_intermediate_steps_are_shown_by_themselves_and_the_last_one_by_a_diagnosis(store: FactStore) -> None:
    label = "kubectl label namespace team-egress a=b"
    restart = disrupt("restart", "kubectl rollout restart deployment egw-asm-1-30 -n team-egress")
    look = inspect("look", "kubectl get namespaces")
    first, seen, last = completed(store, label, look, restart)
    assert first.verify == "kubectl get namespace team-egress --show-labels"
    assert seen == look
    assert last.verify == f"kubectl rollout status deployment egw-asm-1-30 -n team-egress && {DIAGNOSIS}"
    assert last.expect == "EG405 is not reported any more"
    assert completed(store, change("Ask the team"))[0].verify == DIAGNOSIS


def test_a_manifest_from_a_pipe_is_shown_by_a_diagnosis(store: FactStore) -> None:
    """The names of the objects are in the output of the command before the pipe."""
    copied = "kubectl get secret a -o 'go-template=kind: {{.kind}}' -n team-a | kubectl apply -f - -n team-egress"
    first, _ = completed(store, change("Copy", copied), change("Name it", "kubectl label namespace team-egress a=b"))
    assert first.verify == DIAGNOSIS


def test_what_a_check_gives_itself_stays(store: FactStore) -> None:
    own = change("x", "kubectl label namespace a b=c", expect="e", verify="kubectl get v", undo="u")
    assert completed(store, own) == (own,)


def changing() -> Iterator[tuple[Finding, Action]]:
    for case in all_cases():
        for finding in case.run[0]:
            yield from ((finding, each) for each in finding.actions if each.effect is not Effect.READS)


def test_every_action_that_changes_something_says_what_to_expect_how_to_verify_and_how_to_undo_it() -> None:
    found = list(changing())
    assert len(found) > 700
    assert [
        f"{finding.code}: {each.title}" for finding, each in found if not (each.expect and each.verify and each.undo)
    ] == []
    assert [each.verify for _, each in found if not is_command(each.verify) or "''" in each.verify] == []


def test_a_result_does_not_repeat_or_contradict_the_undo() -> None:
    back = ("To go back", "no way back", "cannot be undone")
    assert [each.expect for _, each in changing() if any(words in each.expect for words in back)] == []


def test_a_gateway_does_not_return_to_a_configuration_that_is_being_deleted() -> None:
    moves = [
        (any(e.field == "metadata.deletionTimestamp" and e.observed != "(none)" for e in finding.evidence), each)
        for finding, each in changing()
        if each.title.startswith("Point egress gateway ")
    ]
    assert {is_command(each.undo) for deleted, each in moves if deleted} == {False}
    assert {is_command(each.undo) for deleted, each in moves if not deleted} >= {True}


def test_verification_reads_only() -> None:
    read = ("egress-diag diagnose ", "kubectl get ", "kubectl rollout status ", "az ")
    wrong = {
        part
        for _, each in changing()
        for part in re.sub(r"--context aks1(-overlay)? ", "", each.verify).split(" && ")
        if not part.startswith(read) or (part.startswith("az ") and not {"show", "list"} & set(part.split()))
    }
    assert wrong == set()


def test_the_commands_name_the_context_and_the_question() -> None:
    cluster = next(each for each in all_cases() if each.check.slug == "client-not-injected").asked[0]
    report = diagnosed(cluster, question(cluster, "team-egress/egw", "edition.cnn.com", "team-a")).finish(0.0)
    actions = [a for f in report.findings for a in f.actions if a.effect is not Effect.READS]
    assert actions
    last = [each.verify.split(" && ")[-1] for each in actions]
    diagnoses = [each for each in last if each.startswith("egress-diag ")]
    assert diagnoses
    assert all(each.endswith(" --host edition.cnn.com --from team-a") for each in diagnoses)
    shown = [each for each in last if each.startswith("kubectl ")]
    assert all(
        each.startswith("kubectl --context aks1 ")
        for each in (*shown, *(a.command for a in actions if "kubectl" in a.command[:7]))
    )
