"""The identity and the connections to Azure that the clusters of one process share."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest
import trustme

from checks.config.configuration import ClusterConfig
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.sources.azure_accounts import AzureAccounts
from checks.sources.azure_identity import AzureIdentity
from checks.sources.libraries import azure_library
from checks.sources.live import open_source
from checks.sources.replies import Failure
from checks.sources.source import Objects
from tests.checks.conftest import UseAzure
from tests.clusters.compose import named
from tests.loopback.azure import AKS_SCOPE, ARM_TOKEN, LOGIN, AzureServer
from tests.loopback.faults import Fault
from tests.loopback.kube import KubeServer

pytestmark = pytest.mark.slow

SCOPE = "https://management.azure.com/.default"


@pytest.fixture
def identity() -> Iterator[AzureIdentity]:
    opened = AzureIdentity()
    yield opened
    opened.close()


@pytest.fixture
def accounts() -> Iterator[AzureAccounts]:
    opened = AzureAccounts()
    yield opened
    opened.close()


def sign_ins(server: AzureServer) -> int:
    return sum(n for path, n in server.requests.items() if path.startswith(LOGIN) and path.endswith("/token"))


def test_threads_that_need_the_same_token_share_one_sign_in(use_azure: UseAzure, identity: AzureIdentity) -> None:
    with AzureServer(named("base"), latency=0.3) as server, ThreadPoolExecutor(6) as pool:
        use_azure(server)
        found = list(pool.map(lambda _: identity.get_token_info(SCOPE).token, range(6)))
        assert found == [ARM_TOKEN] * 6
        assert sign_ins(server) == 1


def test_threads_share_a_failed_sign_in(use_azure: UseAzure, accounts: AzureAccounts) -> None:
    refused = Fault(f"{LOGIN}.*/token$", status=401, message="AADSTS7000215")
    with AzureServer(named("base"), latency=0.3, faults=[refused]) as server, ThreadPoolExecutor(4) as pool:
        use_azure(server)
        account = accounts.account("00000000-0000-0000-0000-000000000000")

        def message(_: int) -> str:
            with pytest.raises(Failure) as failed:
                account.token(AKS_SCOPE)
            return failed.value.message

        found = set(pool.map(message, range(4)))
        assert len(found) == 1
        assert "AADSTS7000215" in found.pop()
        assert sign_ins(server) == 1


def test_a_sign_in_without_an_end_does_not_stop_later_ones(use_azure: UseAzure) -> None:
    """Entra sends a byte now and then once; all threads would wait for this sign-in."""
    slow = Fault(f"{LOGIN}.*/token$", drip=0.3, times=1)
    identity = AzureIdentity(longest=2)
    with AzureServer(named("base"), faults=[slow]) as server:
        use_azure(server)
        began = monotonic()
        with pytest.raises(azure_library().AzureError, match="timed out"):
            identity.get_token_info(SCOPE)
        assert monotonic() - began < 4
        assert identity.get_token_info(SCOPE).token == ARM_TOKEN
    identity.close()


def test_the_second_cluster_of_a_process_needs_no_sign_in(use_azure: UseAzure) -> None:
    cluster = named("base")
    with KubeServer(cluster, authority=trustme.CA()) as kube, AzureServer(cluster, kube=kube) as server:
        use_azure(server)
        for name in ("one", "two"):
            source = open_source(ClusterConfig.model_validate({"name": name, **server.entry}))
            assert isinstance(source.list_objects(Pod.origin, monotonic() + 10), Objects)
            assert isinstance(source.azure(ManagedCluster.origin, monotonic() + 10), Objects)
        assert sign_ins(server) == 2  # Azure Resource Manager and the API servers


def test_a_forked_process_has_an_account_of_its_own(accounts: AzureAccounts) -> None:
    mine = accounts.account("s")
    assert accounts.account("s") is mine
    assert accounts.account("t") is not mine
    child = os.fork()
    if not child:
        os._exit(accounts.account("s") is mine)
    assert os.waitpid(child, 0)[1] == 0


def test_closed_accounts_sign_in_again(use_azure: UseAzure, accounts: AzureAccounts) -> None:
    with AzureServer(named("base")) as server:
        use_azure(server)
        for _ in range(2):
            assert accounts.account("s").token(AKS_SCOPE)
            accounts.close()
        assert sign_ins(server) == 2
