"""An agent lists gateways, diagnoses incidents and evaluates changes.

It cannot change anything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from click.testing import CliRunner
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent

from checks.cli.main import main
from checks.mcp.served_clusters import ServedClusters
from checks.mcp.server import agent_server
from tests.clusters.compose import compose, named, write_bundle
from tests.command_line import ENVIRONMENT, PROGRAM, ROOT, ask
from tests.loopback.kube import KubeServer

EXAMPLES = ROOT / "examples" / "bundles"
HEALTHY = str(EXAMPLES / "healthy")
POOL_MISSING = str(EXAMPLES / "gateway-pool-missing")
GATEWAY = "team-egress/egw"
CNN = "edition.cnn.com"

Result = TypeVar("Result")


def within(ask_client: Callable[[Client], Coroutine[Any, Any, Result]]) -> Result:
    """The result of a conversation with a server in this process."""

    async def conversation() -> Result:
        with anyio.fail_after(60):
            async with Client(agent_server(ServedClusters(None, None, "none", 30))) as client:
                return await ask_client(client)

    return anyio.run(conversation)


def call(tool: str, **arguments: Any) -> CallToolResult:
    return within(lambda client: client.call_tool(tool, arguments))


def told(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def document(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, told(result)
    structured = result.structured_content
    assert isinstance(structured, dict)
    return structured


def refusal(tool: str, **arguments: Any) -> str:
    result = call(tool, **arguments)
    assert result.is_error
    return told(result)


@pytest.mark.slow  # starts the installed command
def test_two_incidents_are_diagnosed_over_standard_input_and_output() -> None:
    server = StdioServerParameters(command=str(PROGRAM), args=["mcp"], env=dict(ENVIRONMENT))
    asked = {"gateway": GATEWAY}

    async def conversation() -> list[CallToolResult]:
        with anyio.fail_after(120):
            async with Client(stdio_client(server)) as client:
                return [
                    await client.call_tool("diagnose", {**asked, "bundle": POOL_MISSING}),
                    await client.call_tool("diagnose", {**asked, "bundle": str(EXAMPLES / "selector-mismatch")}),
                ]

    pool, selector = anyio.run(conversation)
    assert document(pool)["root_causes"] == ["gateway-pool-missing"]
    assert '{"gatewayNodepoolName": "gwpool"}' in told(pool)
    assert document(selector)["root_causes"] == ["gateway-selector-mismatch"]
    assert told(selector).startswith("Broken: ")


@pytest.mark.slow  # the command line's answer in comparison
def test_the_document_is_that_of_the_command_line() -> None:
    printed = ask("diagnose", "any", GATEWAY, "--bundle", POOL_MISSING, "--output", "json").document
    answer = document(call("diagnose", gateway=GATEWAY, cluster="any", bundle=POOL_MISSING, every_finding=True))
    for each in (*answer["findings"], *printed["findings"]):
        for action in each.get("actions", ()):
            action["verify"] = ""  # an agent names the cluster as it named it, the command line as a shell needs it
    assert {**answer, "duration_seconds": 0} == {**printed, "duration_seconds": 0}


@pytest.mark.slow  # an API server in another process
def test_a_cluster_is_a_context_of_the_kubeconfig(tmp_path: Path) -> None:
    with KubeServer(compose(named("base"), {"remove": ["StaticGatewayConfiguration team-egress/sgc"]})) as kube:
        server = StdioServerParameters(
            command=str(PROGRAM),
            args=["mcp", "--kubeconfig", str(kube.kubeconfig(tmp_path)), "--azure", "none"],
            env=dict(ENVIRONMENT),
            cwd=tmp_path,
        )

        async def conversation() -> tuple[CallToolResult, CallToolResult, CallToolResult]:
            with anyio.fail_after(120):
                async with Client(stdio_client(server)) as client:
                    return (
                        await client.call_tool("list_gateways", {}),
                        await client.call_tool("diagnose", {"gateway": GATEWAY, "cluster": "loopback"}),
                        await client.call_tool("diagnose", {"gateway": GATEWAY, "cluster": "prod"}),
                    )

        listed, broken, unknown = anyio.run(conversation)
    assert [each["name"] for each in document(listed)["gateways"]] == ["egw"]
    assert (document(broken)["verdict"], document(broken)["root_causes"]) == (
        "broken",
        ["gateway-configuration-missing"],
    )
    assert unknown.is_error
    assert 'no context "prod"; it has: loopback' in told(unknown)


def test_every_tool_only_reads_and_none_takes_a_kubeconfig() -> None:
    tools = within(lambda client: client.list_tools()).tools
    assert {each.name for each in tools} == {
        *("list_gateways", "diagnose", "trace_host", "what_if", "explain_check", "read_bundle")
    }
    for each in tools:
        assert each.annotations is not None
        assert each.annotations.read_only_hint is True
        assert not {"kubeconfig", "config", "context"} & set(each.input_schema["properties"])


def test_what_could_not_be_read_is_inconclusive_and_never_left_out(tmp_path: Path) -> None:
    forbidden = {"source": "kubernetes", "resource": "pods", "namespace": None, "status": 403, "message": "forbidden"}
    write_bundle(compose(named("base"), {"errors": [forbidden]}), tmp_path / "bundle")
    result = call("diagnose", gateway=GATEWAY, bundle=str(tmp_path / "bundle"))
    answer = document(result)
    assert answer["verdict"] == "inconclusive"
    assert {each["status"] for each in answer["findings"]} == {"unknown"}
    assert answer["findings_left_out"]["pass"] > 10
    assert "Not checked:" in told(result)


def test_the_route_of_a_host_names_the_hop_that_stops_it() -> None:
    whole = document(call("trace_host", gateway=GATEWAY, bundle=HEALTHY, host=f"http://{CNN}"))
    assert whole["route"]["host"] == CNN
    result = call("trace_host", gateway=GATEWAY, bundle=HEALTHY, host="api.unknown.example")
    assert "api.unknown.example" in told(result).splitlines()[0]
    assert "fail" in told(result)
    assert document(result)["root_causes"] != []


def test_a_change_is_evaluated_without_being_made() -> None:
    lost = call(
        "what_if",
        gateway=GATEWAY,
        bundle=HEALTHY,
        delete=["VirtualService/team-egress/direct-cnn-through-egress-gateway"],
    )
    assert document(lost)["if_applied"]["breaks"] is True
    assert CNN in told(lost)
    manifest = "{apiVersion: v1, kind: ConfigMap, metadata: {name: notes, namespace: team-a}, data: {a: b}}"
    assert (
        document(call("what_if", gateway=GATEWAY, bundle=HEALTHY, manifests=manifest))["if_applied"]["breaks"] is False
    )


def test_a_check_is_explained() -> None:
    result = call("explain_check", check="EG407")
    assert document(result)["check"] == "gateway-pool-missing"
    assert "docs/domain/" in told(result)


def test_a_bundle_is_described() -> None:
    answer = document(call("read_bundle", bundle=POOL_MISSING))
    assert answer["cluster"] == "aks1"
    assert [each["name"] for each in answer["gateways"]] == ["egw"]
    assert answer["objects"]["StaticGatewayConfiguration"] == 1
    assert answer["failed_reads"] == []


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("diagnose", {"gateway": "egx", "bundle": HEALTHY}, 'no egress gateway "egx": did you mean team-egress/egw?'),
        ("diagnose", {"gateway": "a/b/c", "bundle": HEALTHY}, "expected NAME or NAMESPACE/NAME"),
        ("diagnose", {"gateway": GATEWAY, "bundle": HEALTHY, "only": "EG999"}, 'no check "EG999"'),
        ("trace_host", {"gateway": GATEWAY, "bundle": HEALTHY, "host": "a b"}, '"a b" is not a host'),
        ("what_if", {"gateway": GATEWAY, "bundle": HEALTHY}, "no change: give manifests, or objects to delete"),
        ("what_if", {"gateway": GATEWAY, "bundle": HEALTHY, "manifests": "a: ["}, "not valid YAML"),
        ("what_if", {"gateway": GATEWAY, "bundle": HEALTHY, "delete": ["Gateway/team-egress/x"]}, "no such object"),
        ("explain_check", {"check": "EG2055"}, 'did you mean "EG205"?'),
        ("read_bundle", {"bundle": "/nonexistent"}, "/nonexistent"),
        ("diagnose", {}, "Field required"),
    ],
)
def test_invalid_input_is_answered_with_what_was_expected(tool: str, arguments: dict[str, Any], expected: str) -> None:
    answer = refusal(tool, **arguments)
    assert expected in answer
    assert "Traceback" not in answer


def test_without_the_sdk_the_command_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "checks.mcp.server")
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    result = CliRunner().invoke(main, ["mcp"])
    assert result.exit_code == 2
    assert "pip install -e" in result.output
    assert "[mcp]" in result.output
