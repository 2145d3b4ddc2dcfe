"""Procedures of several steps, over whole clusters.

The tests compare the order of the actions, the names, and the YAML of a configuration.
"""

from typing import Any

import pytest
import yaml

from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.findings import Action, Effect
from checks.static_egress.configuration_yaml import free_name, yaml_string
from checks.static_egress.procedures import new_configuration, replace_pods, restart_gateway
from tests.clusters.compose import compose, named
from tests.recordings import diagnosed, question

READS = frozenset({StaticGatewayConfiguration, AgentPool, ManagedCluster, Pod, Deployment})
SGC = {"kind": "StaticGatewayConfiguration", "metadata": {"namespace": "team-egress", "name": "sgc"}}


def facts(cluster: str = "base", **patch: Any) -> Facts:
    whole = compose(named(cluster), patch)
    wanted = question(whole, "team-egress/egw")
    run = diagnosed(whole, wanted)
    return Facts(run.store, run.target, wanted, READS)


def old(window: Facts) -> StaticGatewayConfiguration:
    found = window.get(StaticGatewayConfiguration, "sgc", "team-egress")
    assert found is not None
    return found


def manifest(actions: tuple[Action, ...]) -> dict[str, Any]:
    command = next(a.command for a in actions if a.command.startswith("kubectl apply"))
    written: dict[str, Any] = yaml.safe_load("\n".join(command.splitlines()[1:-1]))
    return written


def test_a_move_to_a_new_configuration_has_the_steps_of_the_article_in_order() -> None:
    window = facts()
    steps = new_configuration(window, old(window))
    assert [step.effect for step in steps] == [
        Effect.READS,
        Effect.CHANGES,
        Effect.READS,
        Effect.DISRUPTS,
        Effect.READS,
        Effect.CHANGES,
    ]
    assert "20.50.60.0/30" in steps[2].expect, "the prefix that allow-lists contain today"
    assert "2.80.0" in steps[3].title
    assert steps[3].command.endswith("--gateway-configuration-name sgc-2")
    assert steps[-1].command == "kubectl delete staticgatewayconfiguration sgc -n team-egress"


def test_each_step_of_the_move_states_what_to_verify() -> None:
    """Before, the list of pods had no expected result, and the released prefix was not named."""
    window = facts()
    _, create, wait, point, pods, delete = new_configuration(window, old(window))
    assert "nothing uses it before the gateway names it" in create.expect
    assert "the command prints the new prefix" in wait.expect
    assert "every allow-list of a destination" in wait.expect
    assert "traffic leaves from the new egress IP prefix" in point.expect
    assert "no pod names sgc;" in pods.expect
    assert "then remove 20.50.60.0/30 from" in delete.expect


def test_a_configuration_that_is_being_deleted_is_no_way_back() -> None:
    metadata = {"namespace": "team-egress", "name": "sgc", "deletionTimestamp": "2026-11-23T09:00:00Z"}
    deleted = {**SGC, "metadata": metadata}
    window = facts(change=[deleted])
    point = next(each for each in new_configuration(window, old(window)) if each.effect is Effect.DISRUPTS)
    assert point.undo == "no command takes it back: sgc is being deleted"
    released = new_configuration(window, old(window))[-1]
    assert "wait staticgatewayconfiguration/sgc --for=delete" in released.command
    assert "then remove 20.50.60.0/30 from" in released.expect


def test_the_steps_continue_with_the_configuration_that_the_first_step_created() -> None:
    created = {
        "apiVersion": "egressgateway.kubernetes.azure.com/v1alpha1",
        "kind": "StaticGatewayConfiguration",
        "metadata": {"namespace": "team-egress", "name": "sgc-2", "annotations": {"egress-diag/replaces": "sgc"}},
        "spec": {"gatewayNodepoolName": "gwpool"},
    }
    window = facts(add=[created])
    steps = new_configuration(window, old(window))
    assert not any(step.command.startswith("kubectl apply") for step in steps), "not a second one, sgc-3"
    assert steps[1].command == "kubectl describe staticgatewayconfiguration sgc-2 -n team-egress"
    assert steps[3].command.endswith("--gateway-configuration-name sgc-2")


def test_the_new_configuration_has_the_fields_of_the_old_one() -> None:
    window = facts(
        change=[{**SGC, "spec": {"excludeCidrs": ["10.0.0.0/8", "10.0.0.5"], "publicIpPrefixId": "/subscriptions/x"}}]
    )
    assert manifest(new_configuration(window, old(window))) == {
        "apiVersion": "egressgateway.kubernetes.azure.com/v1alpha1",
        "kind": "StaticGatewayConfiguration",
        "metadata": {"name": "sgc-2", "namespace": "team-egress", "annotations": {"egress-diag/replaces": "sgc"}},
        "spec": {
            "gatewayNodepoolName": "gwpool",
            "provisionPublicIps": True,
            "defaultRoute": "staticEgressGateway",
            "excludeCidrs": ["10.0.0.0/8"],
        },
    }


def test_private_addresses_remain_private() -> None:
    window = facts(change=[{**SGC, "spec": {"provisionPublicIps": False}}])
    assert manifest(new_configuration(window, old(window)))["spec"]["provisionPublicIps"] is False


def test_the_old_configuration_is_kept_while_another_gateway_uses_it() -> None:
    window = facts("two-gateways-one-configuration")
    steps = new_configuration(window, old(window))
    assert "team-egress/egw2" in steps[0].title
    assert "keep it" in steps[-1].title
    assert not any("kubectl delete" in step.command for step in steps)


def test_a_configuration_that_is_being_deleted_is_not_deleted_again() -> None:
    deleting = {**SGC, "metadata": {**SGC["metadata"], "deletionTimestamp": "2026-11-23T09:00:00Z"}}  # type: ignore[dict-item]
    window = facts(change=[deleting])
    assert not any("kubectl delete" in step.command for step in new_configuration(window, old(window)))


@pytest.mark.parametrize(
    ("patch", "pool"),
    [
        ({"azure": {"agent_pools": {"gwpool": None, "egress": {"mode": "Gateway"}}}}, "egress"),
        ({"azure": {"agent_pools": {"gwpool": None}}}, "gwpool"),
        ({"azure": {"agent_pools": {"gwpool": {"mode": "User"}}}}, "GATEWAY_POOL"),
        ({"azure": None}, "gwpool"),
    ],
    ids=["the only gateway node pool", "a pool to create again", "a placeholder", "no list from Azure"],
)
def test_the_pool_is_a_usable_one(patch: dict[str, Any], pool: str) -> None:
    window = facts(**patch)
    steps = new_configuration(window, old(window))
    assert manifest(steps)["spec"]["gatewayNodepoolName"] == pool
    assert ("GATEWAY_POOL" in steps[1].title) is (pool == "GATEWAY_POOL")


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("sgc", [], "sgc-2"),
        ("sgc", ["sgc-2"], "sgc-3"),
        ("sgc-2", [], "sgc-3"),
        ("sgc-1", [], "sgc-1-2"),
        ("prod-2026", [], "prod-2026-2"),
    ],
)
def test_the_new_name_is_free(name: str, taken: list[str], expected: str) -> None:
    made = [
        {
            "apiVersion": "egressgateway.kubernetes.azure.com/v1alpha1",
            "kind": "StaticGatewayConfiguration",
            "metadata": {"namespace": "team-egress", "name": each},
        }
        for each in [*taken, *([] if name == "sgc" else [name])]
    ]
    window = facts(add=made)
    model = window.get(StaticGatewayConfiguration, name, "team-egress")
    assert model is not None
    assert free_name(window, model) == expected


@pytest.mark.parametrize(
    "text", ["sgc", "true", "123", "on", "a: b", 'quo"te', "#x", "10.0.0.0/8", "line\nEOF\nrm", "-"]
)
def test_yaml_reads_back_the_same_string_on_one_line(text: str) -> None:
    written = yaml_string(text)
    assert "\n" not in written
    assert yaml.safe_load(f"key: {written}") == {"key": text}


def test_a_restart_reads_first_and_covers_every_revision() -> None:
    steps = restart_gateway(facts("upgrade-two-revisions"))
    assert [step.effect for step in steps] == [Effect.READS, Effect.DISRUPTS, Effect.DISRUPTS]
    assert [step.command.split()[4] for step in steps[1:]] == ["egw-asm-1-29", "egw-asm-1-30"]


def test_a_paused_rollout_is_resumed_before_its_restart() -> None:
    """`kubectl rollout restart` refuses a paused Deployment."""
    paused = {"kind": "Deployment", "metadata": {"namespace": "team-egress", "name": "egw-asm-1-30"}}
    _, resume, again = restart_gateway(facts(change=[{**paused, "spec": {"paused": True}}]))
    assert resume.command.startswith("kubectl rollout resume deployment egw-asm-1-30")
    assert again.command.startswith("kubectl rollout restart deployment egw-asm-1-30")


def test_only_the_pods_concerned_are_replaced() -> None:
    window = facts()
    pods = [each for each in window.in_namespace(Pod, "team-egress") if each.deployment == "egw-asm-1-30"]
    _, one = replace_pods(window, pods[:1])
    assert one.command == f"kubectl delete pod {pods[0].name} -n team-egress"
    _, every = replace_pods(window, pods)
    assert every.command == "kubectl rollout restart deployment egw-asm-1-30 -n team-egress"
