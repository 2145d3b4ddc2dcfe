"""A new node pool has the settings of another one, by the options of `az aks nodepool add`."""

from typing import Any

from checks.facts.agent_pools import AgentPool
from checks.facts.azure_json import canonical
from checks.facts.pool_settings import add_pool, taken_over
from checks.model.question import ClusterIdentity
from checks.steps.options import az_verbs
from checks.steps.shell import commands

_SUBNET = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/net/providers/Microsoft.Network"
    "/virtualNetworks/vnet1/subnets/gw"
)
_GIVEN = {"--mode": "gateway", "--gateway-prefix-size": "30", "--node-count": "3"}


def _pool(**properties: Any) -> AgentPool:
    return AgentPool(canonical({"name": "old", "properties": {"mode": "Gateway", "osType": "Linux", **properties}}))


def _options(like: AgentPool | None, given: dict[str, str] | None = None) -> dict[str, list[str]]:
    printed = add_pool(ClusterIdentity("aks1"), "new", given or _GIVEN, like)
    _, parameters = az_verbs(commands(printed)[0].words[1:])
    named = ("--resource-group", "--cluster-name", "--nodepool-name")
    return {option: list(words) for option, words in parameters.values.items() if option not in named}


def test_every_setting_is_taken_over() -> None:
    like = _pool(
        vnetSubnetID=_SUBNET,
        vmSize="Standard_D8ds_v5",
        availabilityZones=["1", "3"],
        osSKU="AzureLinux",
        maxPods=60,
        osDiskSizeGB=64,
        osDiskType="Ephemeral",
        enableEncryptionAtHost=True,
        enableFIPS=True,
        enableNodePublicIP=True,
        nodePublicIPPrefixID="/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/publicIPPrefixes/nodes",
        tags={"costCentre": "42", "Team": "net"},
        nodeLabels={"Team": "net", "kubernetes.azure.com/mode": "gateway"},
        nodeTaints=["dedicated=egress:NoSchedule", "kubernetes.azure.com/mode=gateway:NoSchedule"],
    )
    assert _options(like) == {
        "--mode": ["gateway"],
        "--gateway-prefix-size": ["30"],
        "--node-count": ["3"],
        "--vnet-subnet-id": [_SUBNET],
        "--node-vm-size": ["Standard_D8ds_v5"],
        "--zones": ["1", "3"],
        "--os-sku": ["AzureLinux"],
        "--max-pods": ["60"],
        "--node-osdisk-size": ["64"],
        "--node-osdisk-type": ["Ephemeral"],
        "--enable-encryption-at-host": [],
        "--enable-fips-image": [],
        "--enable-node-public-ip": [],
        "--node-public-ip-prefix-id": [
            "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/publicIPPrefixes/nodes"
        ],
        "--tags": ["Team=net", "costCentre=42"],
        "--labels": ["Team=net"],
        "--node-taints": ["dedicated=egress:NoSchedule"],
    }
    assert taken_over(like, _GIVEN) == ", with the subnet, VM size, zones and OS SKU of old"


def test_given_options_replace_those_of_the_other_pool() -> None:
    like = _pool(vmSize="Standard_D8ds_v5", availabilityZones=["1"], osSKU="Ubuntu")
    given = {**_GIVEN, "--node-vm-size": "Standard_D2s_v5", "--zones": ""}
    assert _options(like, given) == {
        "--mode": ["gateway"],
        "--gateway-prefix-size": ["30"],
        "--node-count": ["3"],
        "--node-vm-size": ["Standard_D2s_v5"],
        "--os-sku": ["Ubuntu"],
    }
    assert taken_over(like, given) == ", with the OS SKU of old"


def test_a_pool_of_another_mode_keeps_its_labels_and_taints() -> None:
    like = _pool(mode="User", nodeLabels={"team": "a"}, nodeTaints=["dedicated=a:NoSchedule"], vmSize="Standard_D4s_v5")
    assert {"--labels", "--node-taints"} & set(_options(like)) == set()
    assert _options(like)["--node-vm-size"] == ["Standard_D4s_v5"]


def test_the_size_of_single_machines_is_in_their_profile() -> None:
    profile = {"scale": {"manual": [{"size": "Standard_D2s_v5", "count": 2}]}}
    like = _pool(type="VirtualMachines", virtualMachinesProfile=profile)
    found = _options(like)
    assert found["--vm-set-type"] == ["VirtualMachines"]
    assert found["--node-vm-size"] == ["Standard_D2s_v5"]


def test_a_windows_image_is_not_taken_over() -> None:
    assert "--os-sku" not in _options(_pool(osType="Windows", osSKU="Windows2022"))


def test_without_another_pool_only_the_given_options_are_printed() -> None:
    assert _options(None) == {option: [value] for option, value in _GIVEN.items()}
    assert taken_over(None, _GIVEN) == ""
