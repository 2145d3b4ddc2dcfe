"""Each thing that doctor knows of the configuration, of Azure and of an API server, seen wrong."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from checks.catalogue import catalogue
from checks.doctor.parts import REQUIREMENTS, clusters, configuration
from checks.doctor.requirement_lines import Asked, Line, State
from checks.engine.permissions import azure_rights, kubernetes_rights
from checks.sources.live import close_sources
from tests.checks.conftest import UseAzure
from tests.clusters.compose import Cluster, compose, named
from tests.loopback.azure import ARM, GOVERNMENT, LOGIN, AzureServer
from tests.loopback.faults import Fault
from tests.loopback.kube import KubeServer

pytestmark = pytest.mark.slow  # make check keeps to what answers within a minute or two

NETWORK = "/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.Network"
BOT_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "egress-diag-worker-5d9c-x7k2p",
        "namespace": "egress-diag",
        "labels": {"app.kubernetes.io/instance": "egress-diag"},
    },
    "spec": {"containers": [{"name": "worker"}, {"name": "istio-proxy"}]},
    "status": {"phase": "Running"},
}
TO_SLACK = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "slack-through-egress", "namespace": "team-egress"},
    "spec": {
        "hosts": ["*.slack.com", "slack.com"],
        "gateways": ["mesh", "egress"],
        "tls": [
            {
                "match": [{"gateways": ["mesh"], "port": 443, "sniHosts": ["slack.com"]}],
                "route": [{"destination": {"host": "egw.team-egress.svc.cluster.local", "port": {"number": 443}}}],
            }
        ],
    },
}

ROUTES = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg1/providers/Microsoft.Network/routeTables/rt"
)
ROUTED = {
    "azure": {
        "resources": {
            "gw": {"properties": {"routeTable": {"id": ROUTES}}},
            ROUTES: {"name": "rt", "properties": {"routes": []}},
        }
    }
}

Seen = Callable[..., list[Line]]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Not in a pod, unless a test says so; and whatever it opened is closed."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    yield
    close_sources()


def write(folder: Path, *entries: dict[str, Any], access: bool = True) -> Asked:
    path = folder / "egress-diag.yaml"
    rule = {"allow": ["diagnose"], "users": ["*"]}
    path.write_text(yaml.safe_dump({"clusters": list(entries), "access": [rule] if access else []}))
    return Asked(str(path), insisted=True)


def of(lines: list[Line], requirement: str, state: State) -> list[Line]:
    return [line for line in lines if line.requirement.name == requirement and line.state is state]


def one(lines: list[Line], requirement: str, state: State = State.WRONG) -> Line:
    found = of(lines, requirement, state)
    assert len(found) == 1, [f"{line.requirement.name} {line.state} {line.subject}: {line.observed}" for line in lines]
    return found[0]


# configuration


def test_a_typing_error_in_the_configuration_is_told_with_its_key(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("clusters: [{name: a, bundel: x}]\n")
    lines = list(configuration(Asked(str(path))))
    assert "clusters.0.bundel: unknown key" in of(lines, "configuration-readable", State.WRONG)[0].observed
    one(list(clusters(Asked(str(path)))), "cluster-source", State.UNTRIED)


def test_a_configuration_without_clusters_or_rules_is_wrong(tmp_path: Path) -> None:
    lines = list(configuration(write(tmp_path, access=False)))
    assert one(lines, "configuration-clusters").observed == "there is none"
    assert "nobody may do anything" in one(lines, "configuration-access").observed


def test_a_bundle_that_is_not_there(tmp_path: Path) -> None:
    lines = list(clusters(write(tmp_path, {"name": "x", "bundle": str(tmp_path / "none")})))
    assert "there is no such bundle" in one(lines, "cluster-source").observed


# Kubernetes


def seen(folder: Path, server: KubeServer, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> list[Line]:
    entry = {"name": "prod", "kubeconfig": str(server.kubeconfig(folder)), "azure": "none"}
    return list(clusters(write(folder, entry), clock))


def test_everything_is_well(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        lines = seen(tmp_path, server)
    assert {line.state for line in lines} == {State.WELL}
    assert len(of(lines, "kubernetes-right", State.WELL)) == len(kubernetes_rights(catalogue()))


@pytest.mark.parametrize(
    "resource",
    [f"{right.resource}.{right.group}" if right.group else right.resource for right in kubernetes_rights(catalogue())],
)
def test_each_permission_that_is_missing_has_its_line(resource: str, tmp_path: Path) -> None:
    with KubeServer(named("base"), denied=[resource]) as server:
        lines = seen(tmp_path, server)
    wrong = one(lines, "kubernetes-right")
    assert wrong.subject.startswith("prod ")
    assert wrong.subject.endswith(f" {resource}")
    assert "cannot be checked" in wrong.observed
    assert "egress-diag checks --permissions" in wrong.remedy


def test_an_access_review_that_fails_is_not_taken_for_a_no(tmp_path: Path) -> None:
    with KubeServer(named("base"), faults=[Fault("selfsubjectaccessreviews", status=500)]) as server:
        lines = seen(tmp_path, server)
    assert len(of(lines, "kubernetes-right", State.UNTRIED)) == len(kubernetes_rights(catalogue()))


def test_a_token_that_the_api_server_does_not_know(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        kubeconfig = server.kubeconfig(tmp_path, {"token": "old"})
        lines = list(clusters(write(tmp_path, {"name": "prod", "kubeconfig": str(kubeconfig), "azure": "none"})))
    assert one(lines, "kubernetes-login").observed == "Unauthorized"
    one(lines, "kubernetes-right", State.UNTRIED)


def test_a_kubeconfig_without_credentials(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        kubeconfig = server.kubeconfig(tmp_path, {})
        lines = list(clusters(write(tmp_path, {"name": "prod", "kubeconfig": str(kubeconfig), "azure": "none"})))
    assert "has no credentials" in one(lines, "cluster-source").observed


def test_an_api_server_that_does_not_answer(tmp_path: Path) -> None:
    server = KubeServer(named("base"))
    with server:
        entry = {"name": "prod", "kubeconfig": str(server.kubeconfig(tmp_path)), "azure": "none"}
    lines = list(clusters(write(tmp_path, entry)))
    wrong = one(lines, "kubernetes-reachable")
    assert "refuses the connection" in wrong.observed
    assert "authorized" in wrong.remedy.lower()


@pytest.mark.parametrize(("minutes", "word"), [(10, "ahead"), (-10, "behind")])
def test_a_clock_that_is_off(minutes: int, word: str, tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        lines = seen(tmp_path, server, lambda: datetime.now(UTC) + timedelta(minutes=minutes))
    assert one(lines, "kubernetes-clock").observed.endswith(word)


# Azure


@pytest.fixture
def in_azure(tmp_path: Path, use_azure: UseAzure) -> Seen:
    """Doctor's lines about one cluster that is reached through Azure."""

    def run(
        *faults: Fault, cluster: Cluster | None = None, ahead: float = 0, local: bool = False, **entry: Any
    ) -> list[Line]:
        found = cluster or named("base")
        with (
            KubeServer(found, authority=trustme.CA()) as kube,
            AzureServer(found, kube=kube, faults=faults, local_account=local) as azure,
        ):
            use_azure(azure)
            asked = write(tmp_path, {"name": "aks1", **azure.entry, **entry})
            return list(clusters(asked, lambda: datetime.now(UTC) + timedelta(seconds=ahead)))

    return run


def test_a_cluster_reached_through_azure_is_well(in_azure: Seen) -> None:
    lines = in_azure()
    assert {line.state for line in lines} == {State.WELL}, [str(line) for line in lines if line.state != State.WELL]
    assert {line.subject.removeprefix("aks1 ") for line in of(lines, "azure-right", State.WELL)} == {
        right.resource for right in azure_rights(catalogue())
    }


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("managedClusters/aks1$", "Microsoft.ContainerService/managedClusters/read"),
        ("agentPools$", "Microsoft.ContainerService/managedClusters/agentPools/read"),
        ("listClusterUserCredential$", "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action"),
        (f"{NETWORK}/virtualNetworks/", "Microsoft.Network/virtualNetworks/subnets/read"),
        (f"{NETWORK}/networkSecurityGroups/", "Microsoft.Network/networkSecurityGroups/read"),
        (f"{NETWORK}/routeTables/", "Microsoft.Network/routeTables/read"),
    ],
)
def test_each_action_that_azure_does_not_allow_has_its_line(path: str, action: str, in_azure: Seen) -> None:
    with_routes = compose(named("base"), ROUTED)
    lines = in_azure(Fault(f"(?i){path}", status=403, message="AuthorizationFailed"), cluster=with_routes)
    assert one(lines, "azure-right").subject == f"aks1 {action}"


def test_an_own_prefix_that_azure_does_not_show(in_azure: Seen) -> None:
    prefix = f"{NETWORK}/publicIPPrefixes/".replace("[^/]+", "x")
    own = {
        "change": [
            {
                "kind": "StaticGatewayConfiguration",
                "metadata": {"namespace": "team-egress", "name": "sgc"},
                "spec": {"publicIpPrefixId": f"{prefix}pip1"},
            }
        ]
    }
    lines = in_azure(
        Fault("(?i)publicIPPrefixes", status=403, message="AuthorizationFailed"), cluster=compose(named("base"), own)
    )
    assert one(lines, "azure-right").subject == "aks1 Microsoft.Network/publicIPPrefixes/read"


def test_a_credential_that_entra_refuses(in_azure: Seen) -> None:
    lines = in_azure(Fault(f"^{LOGIN}/.*token", status=401, message="AADSTS7000215: Invalid client secret"))
    one(lines, "azure-credential")
    assert "azure.workload.identity/client-id" in one(lines, "azure-credential").remedy


def test_a_process_without_any_credential_says_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use_azure: UseAzure
) -> None:
    with AzureServer(named("base")) as azure:
        use_azure(azure)
        for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
            monkeypatch.delenv(name)
        asked = write(tmp_path, {"name": "aks1", **azure.entry})
        insisted = list(clusters(asked))
        close_sources()
        beside = list(clusters(Asked(asked.config)))
    one(insisted, "azure-credential")
    assert "are where diagnoses run" in one(beside, "azure-credential", State.UNTRIED).observed
    assert not [line for line in beside if line.state is State.WRONG]


def test_a_cluster_that_azure_does_not_have(in_azure: Seen) -> None:
    assert one(in_azure(aks_name="aks2"), "azure-cluster").subject == "aks1"


def test_azure_does_not_answer(in_azure: Seen) -> None:
    lines = in_azure(Fault(f"^{ARM}", close=True))
    one(lines, "azure-reachable")
    assert of(lines, "azure-right", State.UNTRIED)


def test_a_cluster_without_entra_is_not_entered_as_its_administrator(in_azure: Seen) -> None:
    assert "no Entra integration" in one(in_azure(local=True), "kubernetes-login").observed


def test_in_azure_government_the_same_is_asked_there(
    tmp_path: Path, use_azure: UseAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us")
    monkeypatch.setenv("AZURE_SDK_CLOUD_CONF", "AZURE_US_GOVERNMENT")
    base = named("base")
    with KubeServer(base, authority=trustme.CA()) as kube, AzureServer(base, kube=kube) as azure:
        use_azure(azure)
        lines = list(clusters(write(tmp_path, {"name": "aks1", **azure.entry})))
        hosts = {request.partition("/")[0] for request in azure.requests}
    assert {line.state for line in lines} == {State.WELL}
    assert hosts == set(GOVERNMENT)


def test_azures_clock_disagrees(in_azure: Seen) -> None:
    assert re.fullmatch(r"this clock is 12\d s ahead", one(in_azure(ahead=122), "azure-clock").observed)


# the bot's own traffic


def in_pod(monkeypatch: pytest.MonkeyPatch, name: str = "egress-diag-worker-5d9c-x7k2p") -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("HOSTNAME", name)


def test_the_bots_messages_leave_through_a_gateway_that_it_diagnoses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_pod(monkeypatch)
    with KubeServer(compose(named("base"), {"add": [BOT_POD, TO_SLACK]})) as server:
        risk = one(seen(tmp_path, server), "own-traffic", State.RISK)
    assert "from pod egress-diag/egress-diag-worker-5d9c-x7k2p to slack.com" in risk.observed
    assert "egress gateway team-egress/egw, because of VirtualService team-egress/slack-through-egress" in risk.observed


def test_a_bot_outside_the_mesh_is_not_concerned_by_routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_pod(monkeypatch)
    plain = {**BOT_POD, "spec": {"containers": [{"name": "worker"}]}}
    with KubeServer(compose(named("base"), {"add": [plain, TO_SLACK]})) as server:
        one(seen(tmp_path, server), "own-traffic", State.WELL)


def test_a_bot_whose_pod_uses_static_egress_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_pod(monkeypatch)
    annotated = compose(named("base"), {"add": [BOT_POD]})
    note = {"kubernetes.azure.com/static-gateway-configuration": "sgc"}
    change = {"kind": "Pod", "metadata": {"name": "egress-diag-worker-5d9c-x7k2p", "annotations": note}}
    change["metadata"]["namespace"] = "egress-diag"  # type: ignore[index]
    with KubeServer(compose(annotated, {"change": [change]})) as server:
        assert "StaticGatewayConfiguration sgc" in one(seen(tmp_path, server), "own-traffic", State.RISK).observed


def test_what_cannot_be_seen_of_the_bots_traffic_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_pod(monkeypatch)
    with KubeServer(named("base"), faults=[Fault("virtualservices", status=403)]) as server:
        found = one(seen(tmp_path, server), "own-traffic", State.UNTRIED)
    assert "it could not be seen: list virtualservices.networking.istio.io: forbidden" in found.observed


def test_a_pod_of_another_cluster_is_not_concerned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_pod(monkeypatch, "somewhere-else")
    with KubeServer(compose(named("base"), {"add": [TO_SLACK]})) as server:
        assert "does not run in this cluster" in one(seen(tmp_path, server), "own-traffic", State.WELL).observed


def test_every_requirement_is_seen_wrong_or_at_risk_by_a_test_here() -> None:
    written = Path(__file__).read_text()
    assert [each.name for each in REQUIREMENTS if f'"{each.name}"' not in written] == []
