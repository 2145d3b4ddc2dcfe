"""The official Azure libraries against Azure's wire format.

The tests read facts, errors and cluster credentials.
"""

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import orjson
import pytest
import trustme

from checks.config.configuration import ClusterConfig, SavedAzure
from checks.facts.agent_pools import AgentPool
from checks.facts.azure_json import canonical
from checks.facts.fact import Gap
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.sources.azure import AzureAccount, AzureReader
from checks.sources.live import open_source
from checks.sources.source import Answer, NotCovered, Objects, SourceError
from tests.checks.conftest import UseAzure
from tests.clusters.compose import compose, named
from tests.loopback.azure import ARM, ARM_TOKEN, LOGIN, AzureServer
from tests.loopback.faults import Fault
from tests.loopback.kube import KubeServer

pytestmark = pytest.mark.slow

CLUSTER = r"managedClusters/aks1$"
INTERFACES = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/mc_rg1_aks1_westeurope/providers/Microsoft.Compute"
    "/virtualMachineScaleSets/aks-gwpool-vmss/virtualMachines/0/networkInterfaces"
)
SUBNET = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg1/providers/Microsoft.Network"


@pytest.fixture
def account() -> Iterator[AzureAccount]:
    opened = AzureAccount("00000000-0000-0000-0000-000000000000")
    yield opened
    opened.close()


def reader(account: AzureAccount) -> AzureReader:
    return AzureReader(account, "rg1", "aks1")


def soon(seconds: float = 10) -> float:
    return monotonic() + seconds


def cluster_answer(account: AzureAccount, seconds: float = 10) -> Answer:
    return reader(account).azure(ManagedCluster.origin, soon(seconds))


def test_a_token_of_another_scope_is_kept_beside_that_of_the_cluster(
    use_azure: UseAzure, account: AzureAccount
) -> None:
    scope = "https://prometheus.monitor.azure.com/.default"
    with AzureServer(named("base")) as server:
        use_azure(server)
        assert account.token(scope) == account.token(scope) == ARM_TOKEN
        assert account.kubernetes_token()


def test_the_cluster_and_its_pools_are_as_azure_returns_them(use_azure: UseAzure, account: AzureAccount) -> None:
    base = named("base")
    with AzureServer(base) as server:
        use_azure(server)
        cluster = cluster_answer(account)
        pools = reader(account).azure(AgentPool.origin, soon())
    assert isinstance(cluster, Objects)
    assert cluster.raw[0]["properties"]["networkProfile"]["staticEgressGatewayProfile"] == {"enabled": True}
    assert canonical(cluster.raw[0]) == canonical(base.managed_cluster)
    assert isinstance(pools, Objects)
    assert [canonical(each) for each in pools.raw] == [canonical(each) for each in base.agent_pools or ()]


def test_a_network_resource_by_its_id(use_azure: UseAzure, account: AzureAccount) -> None:
    base = named("base")
    with AzureServer(base) as server:
        use_azure(server)
        for expected in base.resources or ():
            assert reader(account).arm(expected["id"], soon()) == Objects((expected,))


def test_the_network_interfaces_of_a_gateway_node(use_azure: UseAzure, account: AzureAccount) -> None:
    base, interface = named("base"), f"{INTERFACES}/aks-gwpool-vmss"
    cluster = compose(base, {"azure": {"resources": {interface: {"id": interface, "name": "aks-gwpool-vmss"}}}})
    with AzureServer(cluster) as server:
        use_azure(server)
        answer = reader(account).arm(INTERFACES, soon())
    assert isinstance(answer, Objects)
    assert [each["id"] for each in answer.raw] == [interface]


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"value": null}'])
def test_an_answer_without_a_list_of_interfaces_is_a_gap(
    body: bytes, use_azure: UseAzure, account: AzureAccount
) -> None:
    with AzureServer(named("base"), faults=[Fault("networkInterfaces$", body=body)]) as server:
        use_azure(server)
        answer = reader(account).arm(INTERFACES, soon())
    assert isinstance(answer, Gap)
    assert (answer.verb, answer.status) == ("list", 502)


ROLES = f"{SUBNET}/publicIPPrefixes/p1/providers/Microsoft.Authorization/roleAssignments"
PRINCIPAL = "f46e25b9-cdfe-51ef-a5c7-8897b86b28d6"


def test_role_assignments_are_listed_for_the_principal_and_its_groups(
    use_azure: UseAzure, account: AzureAccount
) -> None:
    assignment = {"id": f"{ROLES}/a1", "properties": {"roleDefinitionId": "/x", "principalId": PRINCIPAL}}
    body = orjson.dumps({"value": [assignment]})
    with AzureServer(named("base"), faults=[Fault("roleAssignments$", body=body)]) as server:
        use_azure(server)
        answer = reader(account).arm(f"{ROLES}?assignedTo={PRINCIPAL}", soon())
    assert answer == Objects(({"id": f"{ROLES}?assignedTo={PRINCIPAL}", "value": [assignment]},))


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"value": [{}]}', b'{"value": [], "nextLink": "https://management.azure.com/more"}']
)
def test_an_incomplete_list_of_role_assignments_is_a_gap(
    body: bytes, use_azure: UseAzure, account: AzureAccount
) -> None:
    with AzureServer(named("base"), faults=[Fault("roleAssignments$", body=body)]) as server:
        use_azure(server)
        answer = reader(account).arm(f"{ROLES}?assignedTo={PRINCIPAL}", soon())
    assert isinstance(answer, Gap)
    assert (answer.verb, answer.status) == ("list", 502)


@pytest.mark.parametrize("name", ["4d97b98b-1d4f-4787-a291-c67834d212e7", "acdd72a7-3385-48ef-bd42-f606fba81ae7"])
def test_a_role_definition_must_be_the_requested_one(name: str, use_azure: UseAzure, account: AzureAccount) -> None:
    kind = "Microsoft.Authorization/roleDefinitions"
    body = orjson.dumps(
        {"id": f"/providers/{kind}/{name}", "name": name, "type": kind, "properties": {"roleName": "Reader"}}
    )
    wanted = f"/subscriptions/0-1/providers/{kind}/acdd72a7-3385-48ef-bd42-f606fba81ae7"
    with AzureServer(named("base"), faults=[Fault("roleDefinitions", body=body)]) as server:
        use_azure(server)
        answer = reader(account).arm(wanted, soon())
    if wanted.endswith(name):
        assert isinstance(answer, Objects)
        assert answer.raw[0]["id"] == wanted
    else:
        assert isinstance(answer, Gap)


@pytest.mark.parametrize(
    "resource_id",
    [
        "",
        "x",
        "https://evil.example/subscriptions/a",
        f"{SUBNET}/virtualNetworks/v/subnets/../../../../x",
        f"{SUBNET}/virtualNetworks/v?api-version=1&x=",
        f"{SUBNET}/virtualNetworks/v#",
        f"{SUBNET}/publicIPPrefixes/p/providers/Microsoft.Authorization/roleAssignments?assignedTo=x') or ('1' eq '1",
        "/subscriptions/a/resourceGroups/b/providers/Microsoft.KeyVault/vaults/v",
        "/subscriptions/a/../b/providers/Microsoft.Network/x/y",
    ],
)
def test_an_invalid_id_is_never_requested(resource_id: str, use_azure: UseAzure, account: AzureAccount) -> None:
    with AzureServer(named("base")) as server:
        use_azure(server)
        answer = reader(account).arm(resource_id, soon())
        assert not server.requests
    assert answer == Gap("azure", "get", resource_id, 400, "is not the ID of a network resource")


@pytest.mark.parametrize("status", [401, 403, 404, 409, 500])
def test_an_error_is_a_gap_with_azures_message(status: int, use_azure: UseAzure, account: AzureAccount) -> None:
    with AzureServer(named("base"), faults=[Fault(f"{ARM}.*{CLUSTER}", status=status, message="may not")]) as server:
        use_azure(server)
        answer = cluster_answer(account)
    assert isinstance(answer, Gap)
    assert (answer.source, answer.verb, answer.resource, answer.status) == ("azure", "get", "managedClusters", status)
    assert "may not" in answer.message


def test_a_throttled_read_is_repeated_after_retry_after(use_azure: UseAzure, account: AzureAccount) -> None:
    with AzureServer(named("base"), faults=[Fault(CLUSTER, status=429, retry_after=1, times=1)]) as server:
        use_azure(server)
        assert isinstance(cluster_answer(account), Objects)


def test_a_throttled_read_is_repeated_until_its_deadline(use_azure: UseAzure, account: AzureAccount) -> None:
    """Other workers share the limit, so several attempts in a row may be refused."""
    with AzureServer(named("base"), faults=[Fault(CLUSTER, status=429, retry_after=1, times=4)]) as server:
        use_azure(server)
        assert isinstance(cluster_answer(account), Objects)


def test_throttling_until_the_deadline_is_reported_as_throttling(use_azure: UseAzure, account: AzureAccount) -> None:
    with AzureServer(named("base"), faults=[Fault(CLUSTER, status=429, retry_after=1)]) as server:
        use_azure(server)
        answer = reader(account).azure(ManagedCluster.origin, soon(4))
        assert sum(count for path, count in server.requests.items() if path.endswith("/aks1")) > 3
    assert isinstance(answer, Gap)
    assert answer.status == 429


def test_a_pause_beyond_the_deadline_is_not_made(use_azure: UseAzure, account: AzureAccount) -> None:
    """azure-core waits as long as Retry-After says, whatever time-out the request has."""
    with AzureServer(named("base"), faults=[Fault(CLUSTER, status=429, retry_after=60)]) as server:
        use_azure(server)
        began = monotonic()
        answer = cluster_answer(account)
        assert monotonic() - began < 30
    assert isinstance(answer, Gap)
    assert answer.status == 429


def test_a_throttled_sign_in_is_a_gap_at_once(use_azure: UseAzure, account: AzureAccount) -> None:
    with AzureServer(named("base"), faults=[Fault(f"{LOGIN}.*token", status=429, retry_after=60)]) as server:
        use_azure(server)
        began = monotonic()
        answer = cluster_answer(account)
        assert monotonic() - began < 30
        assert server.requests
    assert isinstance(answer, Gap)


def test_a_list_of_node_pools_without_end_is_a_gap(use_azure: UseAzure, account: AzureAccount) -> None:
    page = orjson.dumps(
        {"value": [], "nextLink": f"https://{ARM}{SUBNET.partition('/providers')[0]}/agentPools?page=next"}
    )
    with AzureServer(named("base"), faults=[Fault("agentPools", body=page)]) as server:
        use_azure(server)
        answer = reader(account).azure(AgentPool.origin, soon(20))
    assert isinstance(answer, Gap)
    assert (answer.status, answer.message) == (502, "Azure's list has more than 100 pages")


def test_continued_throttling_is_a_gap(use_azure: UseAzure, account: AzureAccount) -> None:
    with AzureServer(named("base"), faults=[Fault(CLUSTER, status=429)]) as server:
        use_azure(server)
        began = monotonic()
        answer = cluster_answer(account)
        assert monotonic() - began < 45
        assert sum(count for path, count in server.requests.items() if path.endswith("/aks1")) == 3
    assert isinstance(answer, Gap)
    assert answer.status == 429


def test_azure_that_does_not_answer_is_a_gap_at_the_deadline(use_azure: UseAzure, account: AzureAccount) -> None:
    with AzureServer(named("base"), faults=[Fault(CLUSTER, hang=30)]) as server:
        use_azure(server)
        began = monotonic()
        answer = cluster_answer(account, 1.5)
        assert monotonic() - began < 20
    assert isinstance(answer, Gap)
    assert (answer.status, answer.message) == (504, "Azure does not answer in time")


def test_azure_that_sends_a_byte_now_and_then_is_a_gap_at_the_deadline(
    use_azure: UseAzure, account: AzureAccount
) -> None:
    """Each byte renews the time-out of the connection."""
    with AzureServer(named("base"), faults=[Fault(CLUSTER, drip=0.3)]) as server:
        use_azure(server)
        began = monotonic()
        answer = cluster_answer(account, 2)
        assert monotonic() - began < 4
    assert isinstance(answer, Gap)
    assert (answer.status, answer.message) == (504, "Azure does not answer in time")


def test_azure_that_closes_every_connection(use_azure: UseAzure, account: AzureAccount) -> None:
    with AzureServer(named("base"), faults=[Fault(CLUSTER, close=True)]) as server:
        use_azure(server)
        answer = cluster_answer(account)
    assert isinstance(answer, Gap)
    assert answer.status == 0
    assert answer.message in ("the connection to Azure was closed", "the proxy between here and Azure failed")


def test_azure_with_an_untrusted_certificate(use_azure: UseAzure, account: AzureAccount, tmp_path: Path) -> None:
    with AzureServer(named("base")) as server:
        use_azure(server)
        (tmp_path / "azure-ca.pem").write_bytes(trustme.CA().cert_pem.bytes())
        answer = cluster_answer(account)
    assert isinstance(answer, Gap)
    assert answer.message.startswith("EnvironmentCredential: Authentication failed: [SSL: CERTIFICATE_VERIFY_FAILED]")


def test_entra_rejects_the_secret(use_azure: UseAzure, account: AzureAccount) -> None:
    with AzureServer(named("base"), faults=[Fault(f"{LOGIN}.*/token$", status=401, message="AADSTS7000215")]) as server:
        use_azure(server)
        answer = cluster_answer(account)
    assert isinstance(answer, Gap)
    assert answer.status == 401


def test_no_identity_at_all(use_azure: UseAzure, account: AzureAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    with AzureServer(named("base")) as server:
        use_azure(server)
        for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
            monkeypatch.delenv(name)
        answer = cluster_answer(account)
        assert not server.requests
    assert isinstance(answer, Gap)
    assert answer.status == 401
    assert answer.message.startswith("EnvironmentCredential authentication unavailable")
    assert "\n" not in answer.message


# cluster credentials


def aks(server: AzureServer, *, certificate: bool = False) -> ClusterConfig:
    return ClusterConfig(name="weu", azure="none", allow_client_certificate=certificate, **server.entry)


def test_the_api_server_gets_an_entra_token(use_azure: UseAzure) -> None:
    with (
        KubeServer(named("base"), authority=trustme.CA()) as kube,
        AzureServer(named("base"), kube=kube) as server,
    ):
        use_azure(server)
        source = open_source(aks(server))
        for _ in range(3):
            assert isinstance(source.list_objects(Pod.origin, soon()), Objects)
        assert sum(n for path, n in server.requests.items() if path.endswith("listClusterUserCredential")) == 1
        assert sum(n for path, n in server.requests.items() if path.endswith("/token")) == 2
        assert kube.connections == 1


def test_a_token_that_expires_soon_is_renewed(use_azure: UseAzure) -> None:
    with (
        KubeServer(named("base"), authority=trustme.CA()) as kube,
        AzureServer(named("base"), kube=kube, token_seconds=200) as server,
    ):
        use_azure(server)
        source = open_source(aks(server))
        before = 0
        for _ in range(2):
            assert isinstance(source.list_objects(Pod.origin, soon()), Objects)
            now = sum(n for path, n in server.requests.items() if path.endswith("/token"))
            assert now > before
            before = now


def test_a_cluster_admin_certificate_is_not_used(use_azure: UseAzure) -> None:
    with (
        KubeServer(named("base"), authority=trustme.CA()) as kube,
        AzureServer(named("base"), kube=kube, local_account=True) as server,
    ):
        use_azure(server)
        answer = open_source(aks(server)).list_objects(Pod.origin, soon())
        assert not kube.requests
    assert isinstance(answer, Gap)
    assert "the cluster-admin certificate that Azure returns is not used" in answer.message
    assert "allow_client_certificate: true" in str(answer)


def test_refused_cluster_credentials_are_requested_once_and_the_error_names_azure(use_azure: UseAzure) -> None:
    fault = Fault("listClusterUserCredential$", status=403, message="does not have authorization")
    with (
        KubeServer(named("base"), authority=trustme.CA()) as kube,
        AzureServer(named("base"), kube=kube, faults=[fault]) as server,
    ):
        use_azure(server)
        source = open_source(aks(server))
        answers = [source.list_objects(Pod.origin, soon()) for _ in range(5)]
        assert sum(n for path, n in server.requests.items() if path.endswith("listClusterUserCredential")) == 1
    assert isinstance(answers[0], Gap)
    assert "no cluster credentials from Azure, listClusterUserCredential: 403" in str(answers[0])
    assert set(answers) == {answers[0]}


@pytest.mark.parametrize("value", ["", base64.b64encode(b"a: [").decode(), base64.b64encode(b"clusters: 1").decode()])
def test_invalid_cluster_credentials(value: str, use_azure: UseAzure) -> None:
    body = orjson.dumps({"kubeconfigs": [{"name": "u", "value": value}]})
    with AzureServer(named("base"), faults=[Fault("listClusterUserCredential$", body=body)]) as server:
        use_azure(server)
        answer = open_source(aks(server)).list_objects(Pod.origin, soon())
    assert isinstance(answer, Gap)
    assert answer.status == 502


# saved output of az


def saved(folder: Path, **content: object) -> ClusterConfig:
    for name, value in content.items():
        (folder / f"{name}.json").write_bytes(value if isinstance(value, bytes) else orjson.dumps(value))
    files = {name: folder / f"{name}.json" for name in content}
    with KubeServer(named("base")) as kube:
        return ClusterConfig(name="weu", kubeconfig=str(kube.kubeconfig(folder)), azure=SavedAzure(**files))


def test_saved_files_replace_azure(tmp_path: Path) -> None:
    base = named("base")
    source = open_source(
        saved(
            tmp_path,
            managed_cluster=base.managed_cluster,
            agent_pools=list(base.agent_pools or ()),
            resources=list(base.resources or ()),
        )
    )
    cluster = source.azure(ManagedCluster.origin, soon())
    assert cluster == Objects((base.managed_cluster or {},))
    assert source.azure(AgentPool.origin, soon()) == Objects(base.agent_pools or ())
    resource = (base.resources or ())[0]
    assert source.arm(resource["id"].upper(), soon()) == Objects((resource,))


def test_a_saved_cluster_contains_its_pools_and_the_network_is_not_covered(tmp_path: Path) -> None:
    source = open_source(saved(tmp_path, managed_cluster=named("base").managed_cluster))
    pools = source.azure(AgentPool.origin, soon())
    assert isinstance(pools, Objects)
    assert {AgentPool(each).name for each in pools.raw} == {each["name"] for each in named("base").agent_pools or ()}
    assert source.arm(f"{SUBNET}/virtualNetworks/v/subnets/s", soon()) == NotCovered()


def test_saved_files_are_read_for_each_run(tmp_path: Path) -> None:
    source = open_source(saved(tmp_path, managed_cluster={"name": "one", "fqdn": "one.example"}))
    (tmp_path / "managed_cluster.json").write_text('{"name": "two", "fqdn": "two.example"}')
    assert source.azure(ManagedCluster.origin, soon()) == Objects(({"name": "two", "fqdn": "two.example"},))
    (tmp_path / "managed_cluster.json").write_text('{"name"')
    answer = source.azure(ManagedCluster.origin, soon())
    assert isinstance(answer, Gap)
    assert f"{tmp_path}/managed_cluster.json: not valid JSON" in str(answer)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "not a JSON object; expected a managed cluster, as `az aks show -o json` writes it"),
        (b"{", "not valid JSON"),
    ],
)
def test_an_invalid_saved_file(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(saved(tmp_path, managed_cluster=content))
    assert message in str(caught.value)


def test_azure_is_not_covered(tmp_path: Path) -> None:
    with KubeServer(named("base")) as kube:
        source = open_source(ClusterConfig(name="weu", kubeconfig=str(kube.kubeconfig(tmp_path)), azure="none"))
    assert source.azure(ManagedCluster.origin, soon()) == NotCovered()
    assert source.arm(f"{SUBNET}/virtualNetworks/v/subnets/s", soon()) == NotCovered()


def test_a_cluster_that_does_not_exist_in_azure(use_azure: UseAzure, account: AzureAccount) -> None:
    with AzureServer(replace(named("base"), errors=())) as server:
        use_azure(server)
        answer = AzureReader(account, "rg1", "other").azure(ManagedCluster.origin, soon())
    assert isinstance(answer, Gap)
    assert answer.status == 404
