"""The steps of incidents whose first printed step once ended only the symptom.

Each row has the beginnings of the titles of the steps, in order; read-only actions that only show the cause are not steps.
"""

import pytest

from checks.model.findings import Action
from checks.reports.recipes import labeled
from checks.reports.wording import roots_of
from tests.clusters.compose import compose
from tests.incidents.incidents import incidents, reported
from tests.recordings import diagnosed, question

_SECOND_CLUSTER = (
    "Create cluster aks1-overlay",
    "Get the kubectl context of aks1-overlay",
    "Create gateway node pool gwpool in aks1-overlay",
    "Create namespace team-egress in aks1-overlay",
    "Create StaticGatewayConfiguration team-egress/sgc in aks1-overlay",
    "Wait until sgc has its egress IP prefix",
    "Enable egress gateway team-egress/egw in aks1-overlay",
    "Copy the mesh settings",
    "Copy the Istio objects of namespace team-egress",
    "Create the workloads in aks1-overlay",
)
STEPS = {
    "07": [
        *["Route the TLS of applications for api.x.example through the gateway"] * 4,
        "Change the application to call",
    ],
    "14": ["Declare port 8080 of mymongodb.somedomain, if", "Route to port 80 of mymongodb.somedomain, if"],
    "003": [*_SECOND_CLUSTER],
    "111": [*_SECOND_CLUSTER, "Set the IP families of this cluster to IPv4, only if"],
    "126": [
        "Create node pool gwpool in Gateway mode in the subnet of frontend 10.224.0.9 of its load balancer",
        "Create StaticGatewayConfiguration team-egress/sgc-2",
        "Wait until sgc-2 has its egress IP prefix",
        "Point egress gateway team-egress/egw at sgc-2",
        "Show that every gateway pod names sgc-2",
        "Wait until team-egress/sgc is deleted",
    ],
    "155": [
        "Wait until sgc-2 has its egress IP prefix",
        "Reconcile the cluster",
        "Patch the annotation",
        "Disable egress gateway team-egress/egw and enable it again with sgc-2",
    ],
    "163": [
        "Patch spec.defaultRoute and spec.excludeCidrs, to keep 10.244.0.0/16, 10.0.0.0/16, 10.224.",
        "Set spec.excludeCidrs to the public ranges of the destinations",
        "Restart egw-asm-1-30",
    ],
    "53": ["Show the reason for ScopeLocked", "Remove the lock on resource group MC_rg1_aks1_westeurope"],
    "56": [
        "Save validatingwebhookconfiguration kyverno-resource",
        "Delete ValidatingWebhookConfiguration",
        "Make ReplicaSet",
    ],
    "59": [
        "Allow 10.224.0.0/26 in your firewall",
        "Create route table",
        "Show the private IP address of each Azure Firewall",
        "Create the route for 0.0.0.0/0",
        "Associate",
    ],
    "65": [
        "Show the used addresses of subnet nodes, of which 5 must be free",
        "Create gateway node pool gwpool2 in subnet nodes",
        "Create subnet gw-2 and gateway node pool gwpool2 in it",
        "Patch spec.gatewayNodepoolName",
        "Wait until sgc has its egress IP prefix",
        "Delete node pool gwpool",
    ],
    "02": [*["Declare www.github.com with DNS resolution"] * 2, "List the names of *.com that clients called"],
    "03": [
        *["Declare en.wikipedia.org with DNS resolution"] * 2,
        "List the names of *.wikipedia.org that clients called",
    ],
    "15": ["Exclude port 443 from AuthorizationPolicy team-egress/deny-post"],
    "019": [
        "Patch the webhook to exclude namespace team-egress until",
        "Make ReplicaSet",
        "List the endpoints of the webhook",
    ],
    "52": ["Exempt the cluster's node resource group from policy assignment"],
    "60": [
        "List the policy assignments that change the scale set or the VMs of gwpool",
        "Exempt the cluster's node resource group from the first listed assignment (only if one is listed)",
        "Run an empty update of node pool gwpool",
        "Write tag aks-managed-gatewayIPPrefixSize=30 on the scale set of gwpool",
    ],
    "112": ["Allow TCP 80 and 443 before rule DenyInternet"],
    "120": ["Reconcile the cluster: AKS restores the gateway's Service", "Disable the gateway and enable it again"],
    "124": [
        "Request the metadata service from aks-gwpool-0",
        "Show the network security groups of the nodes' subnets and network interfaces",
        "Replace aks-gwpool-0",
    ],
    "140": [
        "Raise the memory limit of container discovery",
        "Raise the minimum of HorizontalPodAutoscaler",
        "Limit istiod to the 8 namespaces of the mesh with discoverySelectors",
    ],
    "141": [
        "Reconcile the cluster: AKS restores istiod's roles",
        "Make ReplicaSet team-egress/egw-asm-1-30-6d9f7c8b5 create",
    ],
    "142": [
        "Request istiod's addresses from the network of egw-asm-1-30-abc",
        "Request them from node aks-system-0",
        "Delete egw-asm-1-30-abc and egw-asm-1-30-def, which get no traffic, if only the node gets answers",
        "Show the security group and the route table of the subnet nodes, if neither test gets answers",
    ],
    "153": [
        *["Route the TLS of applications for edition.cnn.com through the gateway"] * 4,
        "Change the application to call",
    ],
    "154": [
        *["Route the TLS of applications for edition.cnn.com through the gateway"] * 4,
        "Change the application to call",
    ],
    "204": ["Raise ResourceQuota team-egress/compute: pods from 0 to 7", "Make ReplicaSet"],
    "208": ["Request https://mcr.microsoft.com/ from the machine of aks-system-0", "Allow the nodes in 10.224.1.0/24"],
    "211": [
        "Reconcile the cluster",
        "Delete egw-asm-1-30-def, which serves nothing: its replacement gets the new image; aks-system-0, where pods get",
        "Move egw-asm-1-30-abc to another node",
        "Replace aks-system-0",
    ],
    "221": [
        "Show the tags of route table rt-gw and who changed it",
        "Remove route quarantine",
        "Move egw-asm-1-30-def to another node",
    ],
    "159": ["Create a NetworkPolicy that allows"] * 3,
    "128": ["Show the power state of the machines", "Restart the machines", "Replace aks-gwpool-0"],
}
"""By the number in the incident's name."""


def steps_of(number: str) -> list[Action]:
    """The steps of every root cause as texts print them."""
    incident = next(each for each in (*incidents(), *reported()) if each.name.partition("-")[0] == number)
    asked = (incident.expect["gateway"], incident.expect.get("host"), incident.expect.get("from"))
    report = diagnosed(incident.cluster, question(incident.cluster, *asked)).finish(0.0)
    return [
        each
        for cause in roots_of(report)
        for _, each in labeled(cause.actions)
        if each.effect != "reads" or each.expect
    ]


@pytest.mark.parametrize("number", STEPS)
def test_the_steps_end_the_cause(number: str) -> None:
    found = steps_of(number)
    assert [each.title[: len(begin)] for each, begin in zip(found, STEPS[number], strict=True)] == STEPS[number]


def test_other_names_of_a_wildcard_are_not_forgotten() -> None:
    *declared, listed = steps_of("02")
    assert {"repeat the steps for every other name of *.com" in each.expect for each in declared} == {True}
    assert "grep -oE" in listed.command
    assert "each listed name needs the steps above" in listed.expect


def test_a_proxy_that_does_not_reach_istiod_shows_both_ends_and_what_does_not_block_them() -> None:
    incident = next(each for each in incidents() if each.name.startswith("142-"))
    report = diagnosed(incident.cluster, question(incident.cluster, incident.expect["gateway"])).finish(0.0)
    shown = {f"{each.resource}: {each.observed}" for cause in roots_of(report) for each in cause.evidence}
    assert shown >= {
        "Pod team-egress/egw-asm-1-30-abc: 10.244.0.5 on node aks-system-0",
        "Pod aks-istio-system/istiod-asm-1-30-7b9c6d5f48-k2x9p: 10.244.0.17 on node aks-system-0",
        "NetworkPolicies: no engine enforces them",
        "network security group nsg-nodes: allow it",
        "StaticGatewayConfiguration team-egress/sgc: 10.0.0.0/8: outside the tunnel",
    }


def test_only_the_groups_of_the_gateway_nodes_are_searched_for_a_rule() -> None:
    """Other groups of the subscription keep their rules."""
    steps = steps_of("124")
    assert not any("nsg" in each.command for each in steps)
    assert "/subnets/gw --query" in steps[1].command
    assert "--vmss-name aks-gwpool-" in steps[1].command


def test_a_corrected_list_of_ranges_keeps_the_cluster_outside_the_gateway() -> None:
    (patch,) = (each for each in steps_of("217") if each.title.startswith("Patch spec.excludeCidrs"))
    kept = '["10.0.0.5/32", "10.244.0.0/16", "10.0.0.0/16", "10.224.0.0/26", "10.224.1.0/24"]'
    assert f'"excludeCidrs": {kept}' in patch.command


def test_clients_get_certificates_of_a_mesh_that_is_enabled_again() -> None:
    restarts = [each for each in steps_of("102") if "rollout restart" in each.command]
    assert [each.command.partition(" deployment ")[2] for each in restarts] == ["web -n team-a", "batch -n team-b"]
    assert {each.effect for each in restarts} == {"disrupts"}


def test_namespaces_with_services_that_all_clients_call_stay_discovered() -> None:
    (limit,) = (each for each in steps_of("140") if each.title.startswith("Limit istiod"))
    assert all(f"- {each}\\n" in limit.command for each in ("default", "kube-system", "team-a"))


def test_every_update_without_a_value_says_that_it_asks() -> None:
    titles = [each.title for number in ("017", "123") for each in steps_of(number) if "az aks update " in each.command]
    assert titles
    assert all("(the command asks for confirmation)" in each for each in titles)


def test_each_blocked_namespace_has_its_policy_also_for_istiod() -> None:
    clients = [each for each in steps_of("159") if "namespace: team-egress\nspec" not in each.command]
    assert len(clients) == 2
    assert all("port: 80" in each.command and "port: 15012" in each.command for each in clients)


def test_addresses_of_a_prefix_that_is_deleted_are_not_to_be_created_again() -> None:
    """The deletion reads the addresses itself, so that no copy of them exists."""
    (deleted,) = (each for each in steps_of("55") if each.title.startswith("Delete the public IP addresses"))
    assert deleted.undo.startswith("no command takes it back: nothing uses these addresses")


def test_a_moved_pod_is_not_placed_on_another_node_without_a_working_cni_manager() -> None:
    incident = next(each for each in incidents() if each.name.startswith("017-"))
    other = {
        "kind": "Pod",
        "metadata": {"namespace": "aks-static-egress-gateway", "name": "kube-egress-gateway-cni-manager-c7m2k"},
        "status": {
            "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "cnimanager", "ready": False}],
        },
    }
    cluster = compose(incident.cluster, {"change": [other]})
    report = diagnosed(cluster, question(cluster, incident.expect["gateway"])).finish(0.0)
    commands = [each.command for cause in roots_of(report) for each in cause.actions]
    (moved,) = (each for each in commands if " cordon " in each)
    assert " cordon aks-system-0 aks-system-1 && " in moved
    assert [each.rpartition(" ")[2] for each in commands if " uncordon " in each] == ["aks-system-0", "aks-system-1"]
