"""Real kubectl, a real API server and azure-cli refuse wrong commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clusters.compose import compose, named
from tests.commands.azure_cli import PLACE, body_of, refusals
from tests.commands.kubectl_lane import WITHOUT, try_all
from tests.commands.loaded import LoadedServer
from tests.commands.pasted import calls_of
from tests.commands.printed import Printed
from tests.commands.real_kubectl import Answer, RealKubectl
from tests.commands.suite import CONTEXT, Situation
from tests.helm.installed import ASSETS, DEFINITIONS, LIVE
from tests.loopback.apiserver import ApiServer

KUBECTL = Path(str(ASSETS)) / "kubectl"
live = [*LIVE, pytest.mark.skipif(not KUBECTL.exists(), reason=f"{KUBECTL} does not exist")]
SCALED = "kubectl scale deployment egw-asm-1-30 --replicas=3 -n team-egress"
UNKNOWN_ROUTE = (
    """kubectl patch staticgatewayconfiguration sgc --type merge -p '{"spec":{"defaultRoute":"x"}}' -n team-egress"""
)
MADE = "kubectl create namespace made"
RESTART = "kubectl rollout restart deployment egw-asm-1-30 -n team-egress"


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKubectl]:
    folder = tmp_path_factory.mktemp("server")
    with ApiServer(Path(str(ASSETS)), folder, without=WITHOUT) as server:
        yield RealKubectl(KUBECTL, LoadedServer(server, DEFINITIONS), folder, [CONTEXT])


def answers(kubectl: RealKubectl, folder: Path, *printed: Printed, patch: object = None) -> list[Answer]:
    cluster = compose(named("base"), patch) if isinstance(patch, dict) else named("base")
    calls = calls_of([each.text for each in printed] + [each.own for each in printed if each.own], folder)
    return [each.result.answer for each in try_all([Situation("test", cluster, printed)], calls, kubectl)]


class TestKubectl:
    pytestmark = live

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (SCALED, Answer.CHANGED),
            (RESTART, Answer.CHANGED),
            ("kubectl scale deployment egw-asm-1-30 --replicas=two -n team-egress", Answer.REFUSED),
            ("kubectl patch deployment egw-asm-1-30 -p '{\"spec\":{\"replicas\":\"3\"}}' -n team-egress", Answer.REFUSED),
            (UNKNOWN_ROUTE, Answer.REFUSED),
            ("kubectl label namespace team-egress kubernetes.io/metadata.name=team-egress", Answer.UNCHANGED),
            ("kubectl get pods --show-label", Answer.REFUSED),
            ("kubectl get deployment nothing -n team-egress", Answer.REFUSED),
            ("kubectl logs egw-asm-1-30-abc -c istio-proxy -n team-egress", Answer.KUBELET),
            ("kubectl logs egw-asm-1-30-abc -c other -n team-egress", Answer.REFUSED),
            ("kubectl wait pod/egw-asm-1-30-abc --for=delete --timeout=10m -n team-egress", Answer.WAITED),
        ],
    )  # fmt: skip
    def test_a_command_has_the_servers_answer(
        self, kubectl: RealKubectl, tmp_path: Path, text: str, expected: Answer
    ) -> None:
        assert answers(kubectl, tmp_path, Printed(text)) == [expected]

    def test_a_step_that_needs_the_one_before_it_is_run_after_it(self, kubectl: RealKubectl, tmp_path: Path) -> None:
        undo = Printed("kubectl delete namespace made", own=MADE)
        assert answers(kubectl, tmp_path, undo) == [Answer.CHANGED]
        assert answers(kubectl, tmp_path, Printed("kubectl delete namespace made")) == [Answer.REFUSED]

    def test_the_server_holds_the_objects_of_one_cluster_after_the_other(
        self, kubectl: RealKubectl, tmp_path: Path
    ) -> None:
        show = Printed("kubectl get pod egw-asm-1-30-abc -n team-egress")
        for patch, expected in (
            ({}, Answer.READ),
            ({"remove": ["Pod team-egress/egw-asm-1-30-abc"]}, Answer.REFUSED),
            ({}, Answer.READ),
        ):
            assert answers(kubectl, tmp_path, show, patch=patch) == [expected]

    def test_a_kind_that_the_cluster_does_not_have_is_not_served(self, kubectl: RealKubectl, tmp_path: Path) -> None:
        kind = "staticgatewayconfigurations.egressgateway.kubernetes.azure.com"
        show = Printed(f"kubectl get {kind} -A")
        assert answers(kubectl, tmp_path, show, patch={"absent_kinds": [kind]}) == [Answer.REFUSED]
        assert answers(kubectl, tmp_path, show) == [Answer.READ]

    def test_every_recorded_object_of_the_healthy_cluster_is_loaded(self, kubectl: RealKubectl) -> None:
        kubectl.loaded.load(named("base"))
        assert kubectl.loaded.missing == set()


@pytest.mark.slow
@pytest.mark.skipif(not PLACE.exists(), reason=f"{PLACE} does not exist; make commands creates it")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("aks show --resource-group a --name b --query serviceMeshProfile.istio", ""),
        ("aks show --resource-group a --name b --query foo[", "argument --query: invalid jmespath_type value"),
        ("aks show --resource-group a --name b --query length(absent)", "invalid type for value: None"),
        ("aks show --resource-group a", "required: --name/-n"),
        ("aks nodepool add --resource-group a --cluster-name b --nodepool-name c --mode other", "not a valid value"),
        ("aks update --resource-group a --name b --enable-static-egres-gateway", "unrecognized arguments"),
        ("aks show --resource-group $RG --name b --subscription c extra", "unrecognized arguments"),
        ("network nsg rule create -g a --nsg-name b --name c --priority 299 --direction Out", "not a valid value"),
        ("network nsg rule create -g a --nsg-name b --name c --priority many", "priority"),
        ("keyvault secret set --vault-name a --name b --file ca.crt", ""),
    ],
)
def test_azure_cli_parses_without_a_call(words: str, message: str, tmp_path: Path) -> None:
    call = tuple(words.split())
    (found,) = refusals([(call, body_of(call, named("base")))], PLACE, tmp_path)
    assert (message in found) if message else found == ""
