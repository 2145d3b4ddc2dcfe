"""The permission list is the declared reads, no more and no less.

Without a permission, exactly the checks that it names are not checked.
"""

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache

import pytest
import yaml

from checks.catalogue import catalogue
from checks.docs.catalogue_page import permission_list
from checks.engine.permissions import CREDENTIAL_ACTION, Right, azure_rights, cluster_role, kubernetes_rights
from checks.facts.fact import ArmResource, AzureCall, Listed, PodLog, ProbeResults, ProxyCounters, ServerVersion
from checks.model.findings import Stage, Status, Verdict
from tests.clusters.compose import Cluster, compose, named
from tests.recordings import diagnosed, question

CHECKS = catalogue()
DECLARED = {kind.origin for check in CHECKS for kind in check.reads}
PRINTED = permission_list(CHECKS)


def allowed() -> set[tuple[str, str, str]]:
    """(verb, group, resource) of the printed ClusterRole."""
    rules = yaml.safe_load(PRINTED)["rules"]
    return {(v, g, r) for rule in rules for v in rule["verbs"] for g in rule["apiGroups"] for r in rule["resources"]}


def test_the_role_allows_what_is_declared_and_nothing_else() -> None:
    lists = {("list", each.group, each.plural) for each in DECLARED if isinstance(each, Listed)}
    logs = {("get", "", "pods/log") for each in DECLARED if isinstance(each, PodLog)}
    assert allowed() == lists | logs


def test_the_azure_actions_are_those_of_the_declared_reads() -> None:
    actions = {each.action for each in DECLARED if isinstance(each, AzureCall | ArmResource)}
    assert {right.resource for right in azure_rights(CHECKS)} == actions | {CREDENTIAL_ACTION}
    assert all(f"#   {action}\n" in PRINTED for action in actions | {CREDENTIAL_ACTION})


def test_nothing_is_ever_written() -> None:
    assert {verb for verb, _, _ in allowed()} == {"list", "get"}
    assert all(right.resource.endswith(("/read", "/action")) for right in azure_rights(CHECKS))


def test_secrets_are_read_as_metadata_and_the_list_names_that() -> None:
    (secrets,) = [each for each in DECLARED if isinstance(each, Listed) and each.plural == "secrets"]
    assert secrets.metadata_only
    assert "Secrets are read as metadata only" in PRINTED


def test_every_permission_names_what_is_lost_without_it() -> None:
    for right in (*kubernetes_rights(CHECKS), *azure_rights(CHECKS)):
        assert right.lost, right.name
        assert f"{right.name}\n#       " in PRINTED, right.name
    assert all(
        isinstance(each, Listed | PodLog | AzureCall | ArmResource | ServerVersion | ProbeResults | ProxyCounters)
        for each in DECLARED
    )


def test_the_printed_list_is_a_manifest_that_kubectl_takes() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "checks.cli.main", "checks", "--permissions"], capture_output=True, text=True, check=True
    )
    assert list(yaml.safe_load_all(printed.stdout)) == [json.loads(json.dumps(cluster_role(CHECKS)))]
    assert max(map(len, printed.stdout.splitlines())) <= 120


@cache
def base() -> Cluster:
    return named("base")


def unknown_without(source: str, resource: str) -> set[str]:
    error = {"source": source, "resource": resource, "namespace": None, "status": 403, "message": "forbidden"}
    cluster = compose(base(), {"errors": [error]})
    report = diagnosed(cluster, question(cluster, "team-egress/egw")).finish(0.0)
    return {finding.code for finding in report.of(Status.UNKNOWN)}


@pytest.mark.parametrize("right", kubernetes_rights(CHECKS), ids=lambda right: right.name)
def test_only_what_is_listed_as_lost_becomes_unknown(right: Right) -> None:
    source = "logs" if right.resource == "pods/log" else "kubernetes"
    assert unknown_without(source, right.name) <= set(right.lost)


def test_without_any_right_in_the_cluster_nothing_inside_is_healthy() -> None:
    cluster = replace(
        base(), errors=({"source": "kubernetes", "resource": "*", "namespace": None, "status": 403, "message": ""},)
    )
    report = diagnosed(cluster, question(cluster, "team-egress/egw")).finish(0.0)
    assert report.verdict is Verdict.INCONCLUSIVE
    seen = {f.check for f in report.of(Status.PASS) if f.stage not in (Stage.PREREQUISITES, Stage.NETWORK)}
    assert seen <= {"gateway-name-invalid"}  # a name says by itself whether it is valid
