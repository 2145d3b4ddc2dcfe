"""Printed commands have the effect of kubectl and az, and of the typed changes behind them."""

import pytest

from checks.facts.changes import Apply, Delete, JsonPatch, MergePatch, ObjectChange
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.workloads import Deployment
from checks.steps.shell import ProgramCall, UnreadableCommand, commands
from tests.clusters.compose import named
from tests.simulation import az, kubectl
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.refusals import NotSimulated, Refused


@pytest.fixture
def copy() -> ClusterCopy:
    return ClusterCopy(named("base"))


def execute(printed: str, copy: ClusterCopy) -> None:
    for command in commands(printed):
        {"kubectl": kubectl.run, "az": az.run}[command.words[0]](command, copy)


def test_a_here_document_and_a_pipe_are_read_as_the_shell_reads_them() -> None:
    assert commands("kubectl apply -f - <<'EOF'\na: 'it'\n  b: \"c\"\nEOF\nkubectl get pods | grep -E 'a|b; c'") == (
        ProgramCall(("kubectl", "apply", "-f", "-"), "a: 'it'\n  b: \"c\"\n"),
        ProgramCall(("kubectl", "get", "pods")),
        ProgramCall(("grep", "-E", "a|b; c"), "", True),
    )


def test_an_indented_closing_line_does_not_close_a_here_document() -> None:
    with pytest.raises(UnreadableCommand, match="no closing line"):
        commands("kubectl apply -f - <<'EOF'\na: b\n  EOF")


def _changes() -> list[ObjectChange]:
    store = ClusterCopy(named("base")).facts()
    gateway = store.by_key(Gateway, "team-egress", "istio-egressgateway")
    route = store.by_key(VirtualService, "team-egress", "direct-cnn-through-egress-gateway")
    deployment = store.by_key(Deployment, "team-egress", "egw-asm-1-30")
    assert gateway is not None
    assert route is not None
    assert deployment is not None
    metadata = {"name": "it's", "namespace": "team-a"}
    return [
        Apply(
            {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": metadata, "spec": {"egress": []}}
        ),
        MergePatch(gateway, {"spec": {"selector": {"istio": "egw", "istio.io/rev": None}}}),
        MergePatch(deployment, {"spec": {"template": {"metadata": {"annotations": {"a.b/c": "it's $HOME"}}}}}),
        JsonPatch(route, ({"op": "add", "path": "/spec/http/0/match/0/port", "value": 8080},)),
        Delete(route),
    ]


@pytest.mark.parametrize("change", _changes(), ids=lambda change: f"{type(change).__name__} {change.ref}")
def test_a_rendered_change_has_the_effect_of_the_typed_change(change: ObjectChange, copy: ClusterCopy) -> None:
    typed = ClusterCopy(named("base"))
    typed.lay(change)
    execute(change.command, copy)
    assert copy.cluster.objects == typed.cluster.objects
    assert copy.cluster.objects != named("base").objects


def test_the_recorded_cluster_stays_as_it_is(copy: ClusterCopy) -> None:
    before = list(named("base").objects)
    execute("kubectl delete pod egw-asm-1-30-abc -n team-egress", copy)
    assert list(named("base").objects) == before


def test_a_command_with_a_context_changes_the_same_object(copy: ClusterCopy) -> None:
    execute("kubectl --context aks1 label namespace team-a istio.io/rev=asm-1-30 team- --overwrite", copy)
    found = copy.get("Namespace", "", "team-a")
    assert found is not None
    assert found["metadata"]["labels"]["istio.io/rev"] == "asm-1-30"


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("kubectl delete pod egw-asm-1-30-abc", "Pod default/egw-asm-1-30-abc does not exist"),
        ("kubectl create namespace team-a", "exists already"),
        ("kubectl label namespace team-a kubernetes.io/metadata.name=x", "--overwrite"),
        ("az aks nodepool add --nodepool-name gwpool --mode gateway", "exists already"),
        ("az aks nodepool delete --nodepool-name gwpool", "used by StaticGatewayConfiguration sgc"),
    ],
)
def test_what_kubectl_or_azure_refuses_is_refused(printed: str, reason: str, copy: ClusterCopy) -> None:
    with pytest.raises(Refused, match=reason):
        execute(printed, copy)


def test_a_paused_deployment_is_not_restarted(copy: ClusterCopy) -> None:
    execute("""kubectl patch deployment egw-asm-1-30 --type merge -p '{"spec":{"paused":true}}' -n team-egress""", copy)
    with pytest.raises(Refused, match="paused"):
        execute("kubectl rollout restart deployment egw-asm-1-30 -n team-egress", copy)


@pytest.mark.parametrize(
    "printed",
    ["kubectl edit resourcequota compute -n team-egress", "az aks mesh enable --name aks1", "az disk delete --name x"],
)
def test_what_does_not_follow_from_the_facts_is_not_simulated(printed: str, copy: ClusterCopy) -> None:
    with pytest.raises(NotSimulated):
        execute(printed, copy)


def test_a_security_rule_is_added_with_all_its_ends(copy: ClusterCopy) -> None:
    execute(
        "az network nsg rule create --resource-group rg1 --nsg-name nsg-gw --name allow --priority 299 --direction Outbound "
        "--access Allow --protocol Tcp --source-address-prefixes 10.224.0.0/26 --destination-address-prefixes Internet "
        "--destination-port-ranges 80 443",
        copy,
    )
    group = copy.resource("nsg-gw")
    assert group is not None
    rule = group["properties"]["securityRules"][-1]["properties"]
    assert rule["destinationPortRanges"] == ["80", "443"]
    assert (rule["sourceAddressPrefix"], rule["destinationAddressPrefix"]) == ("10.224.0.0/26", "Internet")
