"""Each requirement of the configuration, of Azure and of an API server, not met."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from click.testing import CliRunner

from checks.catalogue import catalogue
from checks.cli.main import main
from checks.doctor.parts import REQUIREMENTS, clusters, configuration
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions, State
from checks.engine.permissions import azure_rights, kubernetes_rights
from checks.sources.live import close_sources
from tests.checks.conftest import UseAzure
from tests.clusters.compose import Cluster, compose, named
from tests.loopback.azure import ARM, GOVERNMENT, LOGIN, AzureServer
from tests.loopback.faults import Fault
from tests.loopback.kube import KubeServer
from tests.loopback.prometheus import PrometheusServer

pytestmark = pytest.mark.slow  # too slow for make check

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

Seen = Callable[..., list[DoctorLine]]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Not in a pod, unless a test sets it; closes the sources afterwards."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    yield
    close_sources()


def write(folder: Path, *entries: dict[str, Any], access: bool = True) -> DoctorOptions:
    path = folder / "egress-diag.yaml"
    rule = {"allow": ["diagnose"], "users": ["*"]}
    path.write_text(yaml.safe_dump({"clusters": list(entries), "access": [rule] if access else []}))
    return DoctorOptions(str(path), selected=True)


def of(lines: list[DoctorLine], requirement: str, state: State) -> list[DoctorLine]:
    return [line for line in lines if line.requirement.name == requirement and line.state is state]


def one(lines: list[DoctorLine], requirement: str, state: State = State.FAILED) -> DoctorLine:
    found = of(lines, requirement, state)
    assert len(found) == 1, [f"{line.requirement.name} {line.state} {line.subject}: {line.observed}" for line in lines]
    return found[0]


# configuration


def test_a_misspelled_key_in_the_configuration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("clusters: [{name: a, bundel: x}]\n")
    lines = list(configuration(DoctorOptions(str(path))))
    assert "clusters.0.bundel: unknown key" in of(lines, "configuration-readable", State.FAILED)[0].observed
    one(list(clusters(DoctorOptions(str(path)))), "cluster-source", State.NOT_CHECKED)


@pytest.mark.parametrize("named", [True, False])
def test_without_a_configuration_file_the_fix_is_to_create_or_name_one(
    named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EGRESS_DIAG_CONFIG", raising=False)
    line = one(list(configuration(DoctorOptions("absent.yaml" if named else None))), "configuration-readable")
    assert line.fix == "Create the file, or name it with --config or EGRESS_DIAG_CONFIG."


def test_a_configuration_without_clusters_or_rules_fails(tmp_path: Path) -> None:
    lines = list(configuration(write(tmp_path, access=False)))
    assert one(lines, "configuration-clusters").observed == "it names no cluster"
    assert "no user has any permission" in one(lines, "configuration-access").observed


def test_an_invalid_environment_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGRESS_DIAG_LEASE", "-3")
    done = CliRunner().invoke(main, ["doctor", "--only", "workers", "--output", "json"])
    lines = [each for each in json.loads(done.stdout)["lines"] if each["requirement"] == "environment-valid"]
    assert [(each["state"], each["observed"]) for each in lines] == [
        ("wrong", 'EGRESS_DIAG_LEASE is "-3"; expected seconds from 1 to 600')
    ]
    assert done.exit_code == 1


def test_a_bundle_that_does_not_exist(tmp_path: Path) -> None:
    lines = list(clusters(write(tmp_path, {"name": "x", "bundle": str(tmp_path / "none")})))
    assert "there is no such bundle" in one(lines, "cluster-source").observed


# Kubernetes


def seen(
    folder: Path, server: KubeServer, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> list[DoctorLine]:
    entry = {"name": "prod", "kubeconfig": str(server.kubeconfig(folder)), "azure": "none"}
    return list(clusters(write(folder, entry), clock))


def test_all_requirements_of_a_healthy_cluster_pass(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        lines = seen(tmp_path, server)
    assert {line.state for line in lines} == {State.PASSED}
    assert len(of(lines, "kubernetes-right", State.PASSED)) == len(kubernetes_rights(catalogue()))


@pytest.mark.parametrize(
    "resource",
    [
        f"{right.resource}.{right.group}" if right.group else right.resource
        for right in kubernetes_rights(catalogue())
        if right.resource != "secrets"
    ],
)
def test_each_missing_permission_has_its_line(resource: str, tmp_path: Path) -> None:
    with KubeServer(named("base"), denied=[resource]) as server:
        lines = seen(tmp_path, server)
    failed = one(lines, "kubernetes-right")
    assert failed.subject.startswith("prod ")
    assert failed.subject.endswith(f" {resource}")
    assert "cannot be checked" in failed.observed
    assert "egress-diag checks --permissions" in failed.fix


def test_the_permission_for_secrets_is_needed_for_some_gateways_only(tmp_path: Path) -> None:
    """The chart does not grant it by default."""
    with KubeServer(named("base"), denied=["secrets"]) as server:
        lines = seen(tmp_path, server)
    warned = one(lines, "kubernetes-right", State.WARNED)
    assert warned.subject == "prod list secrets"
    assert "for gateways with a credentialName, EG" in warned.observed
    assert "rbac.secretNamespaces" in warned.fix


def test_a_failed_access_review_is_not_a_missing_permission(tmp_path: Path) -> None:
    with KubeServer(named("base"), faults=[Fault("selfsubjectaccessreviews", status=500)]) as server:
        lines = seen(tmp_path, server)
    assert len(of(lines, "kubernetes-right", State.NOT_CHECKED)) == len(kubernetes_rights(catalogue()))


def test_a_token_that_the_api_server_rejects(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        kubeconfig = server.kubeconfig(tmp_path, {"token": "old"})
        lines = list(clusters(write(tmp_path, {"name": "prod", "kubeconfig": str(kubeconfig), "azure": "none"})))
    assert one(lines, "kubernetes-login").observed == "Unauthorized"
    one(lines, "kubernetes-right", State.NOT_CHECKED)


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
    failed = one(lines, "kubernetes-reachable")
    assert "refuses the connection" in failed.observed
    assert "check that the cluster runs" in failed.fix


@pytest.mark.parametrize(("minutes", "word"), [(10, "ahead"), (-10, "behind")])
def test_a_clock_that_is_off(minutes: int, word: str, tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        lines = seen(tmp_path, server, lambda: datetime.now(UTC) + timedelta(minutes=minutes))
    assert one(lines, "kubernetes-clock").observed.endswith(word)


# Azure


@pytest.fixture
def in_azure(tmp_path: Path, use_azure: UseAzure) -> Seen:
    """Doctor's lines for one cluster that is connected through Azure."""

    def run(
        *faults: Fault, cluster: Cluster | None = None, ahead: float = 0, local: bool = False, **entry: Any
    ) -> list[DoctorLine]:
        found = cluster or named("base")
        with (
            KubeServer(found, authority=trustme.CA()) as kube,
            AzureServer(found, kube=kube, faults=faults, local_account=local) as azure,
        ):
            use_azure(azure)
            options = write(tmp_path, {"name": "aks1", **azure.entry, **entry})
            return list(clusters(options, lambda: datetime.now(UTC) + timedelta(seconds=ahead)))

    return run


def test_a_healthy_cluster_connected_through_azure_passes(in_azure: Seen) -> None:
    lines = in_azure()
    assert {line.state for line in lines} == {State.PASSED}, [str(line) for line in lines if line.state != State.PASSED]
    assert {line.subject.removeprefix("aks1 ") for line in of(lines, "azure-right", State.PASSED)} == {
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
def test_each_missing_azure_permission_has_its_line(path: str, action: str, in_azure: Seen) -> None:
    with_routes = compose(named("base"), ROUTED)
    lines = in_azure(Fault(f"(?i){path}", status=403, message="AuthorizationFailed"), cluster=with_routes)
    assert one(lines, "azure-right").subject == f"aks1 {action}"


def test_an_outbound_address_that_may_not_be_read_although_no_probe_was_made(in_azure: Seen) -> None:
    """Before, doctor passed it, and only the next probe showed the missing permission."""
    address = f"{NETWORK}/publicIPAddresses/".replace("[^/]+", "x") + "one"
    profile = {"loadBalancerProfile": {"effectiveOutboundIPs": [{"id": address}]}}
    cluster = compose(
        named("base"),
        {
            "azure": {
                "managed_cluster": {"properties": {"networkProfile": profile}},
                "resources": {address: {"type": "Microsoft.Network/publicIPAddresses", "properties": {}}},
            }
        },
    )
    denied = Fault("(?i)publicIPAddresses", status=403, message="AuthorizationFailed")
    found = one(in_azure(denied, cluster=cluster), "azure-right")
    assert found.subject == "aks1 Microsoft.Network/publicIPAddresses/read"
    assert "EG413" in found.observed
    (allowed,) = [each for each in in_azure(cluster=cluster) if each.subject == found.subject]
    assert allowed.observed == "allowed"


def test_a_public_ip_prefix_that_may_not_be_read(in_azure: Seen) -> None:
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


def test_role_assignments_that_may_not_be_read_are_optional(in_azure: Seen) -> None:
    prefix = f"{NETWORK}/publicIPPrefixes/pip1".replace("[^/]+", "x")
    configuration = {"kind": "StaticGatewayConfiguration", "metadata": {"namespace": "team-egress", "name": "sgc"}}
    own = {"change": [{**configuration, "spec": {"publicIpPrefixId": prefix}}]}
    denied = Fault("(?i)roleAssignments", status=403, message="AuthorizationFailed")
    lines = [
        each for each in in_azure(denied, cluster=compose(named("base"), own)) if "roleAssignments" in each.subject
    ]
    assert [each.state for each in lines] == [State.PASSED]
    assert lines[0].observed.startswith("not granted, which is optional")


def test_a_credential_that_entra_rejects(in_azure: Seen) -> None:
    lines = in_azure(Fault(f"^{LOGIN}/.*token", status=401, message="AADSTS7000215: Invalid client secret"))
    one(lines, "azure-credential")
    assert "azure.workload.identity/client-id" in one(lines, "azure-credential").fix


def test_a_process_without_a_credential_is_referred_to_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use_azure: UseAzure
) -> None:
    with AzureServer(named("base")) as azure:
        use_azure(azure)
        for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
            monkeypatch.delenv(name)
        options = write(tmp_path, {"name": "aks1", **azure.entry})
        selected = list(clusters(options))
        close_sources()
        unselected = list(clusters(DoctorOptions(options.config)))
    one(selected, "azure-credential")
    assert "only the workers need one" in one(unselected, "azure-credential", State.NOT_CHECKED).observed
    assert not [line for line in unselected if line.state is State.FAILED]


def test_a_cluster_that_does_not_exist_in_azure(in_azure: Seen) -> None:
    assert one(in_azure(aks_name="aks2"), "azure-cluster").subject == "aks1"


def test_azure_does_not_answer(in_azure: Seen) -> None:
    lines = in_azure(Fault(f"^{ARM}", close=True))
    one(lines, "azure-reachable")
    assert of(lines, "azure-right", State.NOT_CHECKED)


def test_the_administrator_certificate_of_a_cluster_without_entra_is_not_used(in_azure: Seen) -> None:
    assert "no Entra integration" in one(in_azure(local=True), "kubernetes-login").observed


def test_azure_government_has_its_own_addresses(
    tmp_path: Path, use_azure: UseAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us")
    monkeypatch.setenv("AZURE_SDK_CLOUD_CONF", "AZURE_US_GOVERNMENT")
    base = named("base")
    with KubeServer(base, authority=trustme.CA()) as kube, AzureServer(base, kube=kube) as azure:
        use_azure(azure)
        lines = list(clusters(write(tmp_path, {"name": "aks1", **azure.entry})))
        hosts = {request.partition("/")[0] for request in azure.requests}
    assert {line.state for line in lines} == {State.PASSED}
    assert hosts == set(GOVERNMENT)


def test_azures_clock_disagrees(in_azure: Seen) -> None:
    assert re.fullmatch(r"this clock is 12\d s ahead", one(in_azure(ahead=122), "azure-clock").observed)


# the bot's own traffic


def in_pod(monkeypatch: pytest.MonkeyPatch, name: str = "egress-diag-worker-5d9c-x7k2p") -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("HOSTNAME", name)


def test_the_bots_messages_are_routed_through_a_gateway_that_it_diagnoses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_pod(monkeypatch)
    with KubeServer(compose(named("base"), {"add": [BOT_POD, TO_SLACK]})) as server:
        warned = one(seen(tmp_path, server), "own-traffic", State.WARNED)
    assert "from pod egress-diag/egress-diag-worker-5d9c-x7k2p to slack.com" in warned.observed
    assert (
        "egress gateway team-egress/egw, because of VirtualService team-egress/slack-through-egress" in warned.observed
    )


def test_routes_do_not_affect_a_bot_outside_the_mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_pod(monkeypatch)
    plain = {**BOT_POD, "spec": {"containers": [{"name": "worker"}]}}
    with KubeServer(compose(named("base"), {"add": [plain, TO_SLACK]})) as server:
        one(seen(tmp_path, server), "own-traffic", State.PASSED)


def test_a_bot_whose_pod_uses_static_egress_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_pod(monkeypatch)
    annotated = compose(named("base"), {"add": [BOT_POD]})
    note = {"kubernetes.azure.com/static-gateway-configuration": "sgc"}
    change = {"kind": "Pod", "metadata": {"name": "egress-diag-worker-5d9c-x7k2p", "annotations": note}}
    change["metadata"]["namespace"] = "egress-diag"  # type: ignore[index]
    with KubeServer(compose(annotated, {"change": [change]})) as server:
        assert "StaticGatewayConfiguration sgc" in one(seen(tmp_path, server), "own-traffic", State.WARNED).observed


def test_a_failed_read_leaves_the_bots_own_traffic_unchecked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_pod(monkeypatch)
    with KubeServer(named("base"), faults=[Fault("virtualservices", status=403)]) as server:
        found = one(seen(tmp_path, server), "own-traffic", State.NOT_CHECKED)
    assert "list virtualservices.networking.istio.io: forbidden" in found.observed


def test_a_pod_of_another_cluster_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_pod(monkeypatch, "somewhere-else")
    with KubeServer(compose(named("base"), {"add": [TO_SLACK]})) as server:
        assert "does not run in this cluster" in one(seen(tmp_path, server), "own-traffic", State.PASSED).observed


def with_counters(folder: Path, server: KubeServer, metrics: object) -> list[DoctorLine]:
    entry = {"name": "prod", "kubeconfig": str(server.kubeconfig(folder)), "azure": "none", "metrics": metrics}
    return list(clusters(write(folder, entry), lambda: datetime.now(UTC)))


def test_the_permission_for_the_counters_of_pods_is_tried(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server:
        one(with_counters(tmp_path, server, "pods"), "counters-readable", State.PASSED)
    with KubeServer(named("base"), denied=["pods/proxy"]) as server:
        assert one(with_counters(tmp_path, server, "pods"), "counters-readable").observed == "forbidden"


def test_a_prometheus_is_asked(tmp_path: Path) -> None:
    with KubeServer(named("base")) as server, PrometheusServer() as metrics:
        one(with_counters(tmp_path, server, {"prometheus": metrics.url}), "counters-readable", State.PASSED)
    with KubeServer(named("base")) as server, PrometheusServer(require="x") as metrics:
        refused = one(with_counters(tmp_path, server, {"prometheus": metrics.url}), "counters-readable")
    assert "401" in refused.observed


def test_every_requirement_has_a_test_here() -> None:
    source = Path(__file__).read_text()
    assert [each.name for each in REQUIREMENTS if f'"{each.name}"' not in source] == []
