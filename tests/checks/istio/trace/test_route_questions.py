"""Each --host and --from on the command line gets a clear answer or a clear refusal."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from checks.cli.main import main
from tests.checks.istio.trace.breakages import BREAKAGES, HTTP
from tests.checks.istio.trace.traced import changed
from tests.clusters.bundles import write_bundle
from tests.clusters.compose import Cluster, named


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "healthy"
    write_bundle(named(HTTP), path)
    return path


def ask(bundle: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["diagnose", "x", "team-egress/egw", "--bundle", str(bundle), *words])


def route(bundle: Path, *words: str) -> dict[str, Any]:
    done = ask(bundle, "--output", "json", *words)
    found: dict[str, Any] = json.loads(done.stdout)["route"]
    return found


@pytest.mark.parametrize(
    ("typed", "host", "ports"),
    [
        ("edition.cnn.com", "edition.cnn.com", [80, 443]),
        ("edition.cnn.com:80", "edition.cnn.com", [80]),
        ("edition.cnn.com:443", "edition.cnn.com", [443]),
        ("http://edition.cnn.com/politics?x=1", "edition.cnn.com", [80]),
        ("https://edition.cnn.com", "edition.cnn.com", [443]),
        ("https://edition.cnn.com:8443/", "edition.cnn.com", [8443]),
        ("EDITION.CNN.COM", "edition.cnn.com", [80, 443]),
        ("edition.cnn.com.", "edition.cnn.com", [80, 443]),
        ("edition.cnn.com.:80", "edition.cnn.com", [80]),
        ("  edition.cnn.com ", "edition.cnn.com", [80, 443]),
        ("*.cnn.com", "*.cnn.com", [80, 443]),
        ("bücher.example", "xn--bcher-kva.example", [80, 443]),
    ],
)
def test_a_host_is_understood_as_people_paste_it(bundle: Path, typed: str, host: str, ports: list[int]) -> None:
    found = route(bundle, "--host", typed)
    assert found["host"] == host
    assert [request["port"] for request in found["requests"]] == ports


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("ftp://edition.cnn.com", "expected http://, https://"),
        ("edition.cnn.com/politics", "without a path"),
        ("edition.cnn.com:99999", "port from 1 to 65535"),
        ("edition.cnn.com:0", "port 0 does not exist"),
        ("edition..cnn.com", "is not a host name"),
        ("exa mple.com", "is not a host name"),
        ("a.*.com", "is not a host name"),
        ("-bad.example", "is not a host name"),
        ("https://", "has no host"),
        (f"{'a' * 64}.example", "each label up to 63 characters"),
    ],
)
def test_what_is_no_host_is_refused_with_what_would_be_one(bundle: Path, typed: str, message: str) -> None:
    done = ask(bundle, "--host", typed)
    assert done.exit_code == 2
    assert message in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("client", "message"),
    [
        ("teama", "Client namespace teama does not exist; did you mean team-a or team-b?"),
        ("team-a/weeb", "Namespace team-a has no running pod of workload weeb; did you mean team-a/web?"),
        ("team-a/nosuch", "Namespace team-a has no running pod of workload nosuch; it runs web"),
        ("nosuch/app", "Client namespace nosuch does not exist; namespaces with sidecars: "),
    ],
)
@pytest.mark.parametrize("form", [("--output", "text"), ("--output", "json"), ("--quiet",)])
def test_an_unknown_client_is_a_mistake_with_the_names_that_exist(
    bundle: Path, form: tuple[str, ...], client: str, message: str
) -> None:
    """Before, the run was inconclusive."""
    done = ask(bundle, "--host", "edition.cnn.com", "--from", client, *form)
    assert message in " ".join(done.output.split())
    assert (done.exit_code, done.stdout) == (2, "")


@pytest.mark.parametrize("resource", ["pods", "namespaces"])
def test_a_client_is_no_mistake_if_the_list_that_would_show_it_was_not_read(
    bundle: Path, resource: str, tmp_path: Path
) -> None:
    unread = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    error = f"{{source: kubernetes, resource: {resource}, namespace: null, status: 403, message: forbidden}}"
    (unread / "errors.yaml").write_text(f"[{error}]")
    assert ask(unread, "--host", "edition.cnn.com", "--from", "team-a/nosuch").exit_code != 2


def test_a_client_without_pods_is_no_mistake(bundle: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    (bundle / "objects/idle.yaml").write_text(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: idle, namespace: team-a}, spec: {replicas: 0}}"
    )
    done = ask(bundle, "--host", "edition.cnn.com", "--from", "team-a/idle")
    assert done.exit_code == 3
    assert "Namespace team-a has no running pod of workload idle" in " ".join(done.output.split())


def test_what_is_no_client_is_refused(bundle: Path) -> None:
    done = ask(bundle, "--host", "edition.cnn.com", "--from", "team-a/web/0")
    assert done.exit_code == 2
    assert "expected NAMESPACE or NAMESPACE/WORKLOAD" in done.output


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_the_hosts_of_the_gateway_are_offered_for_an_unknown_one(bundle: Path, form: str) -> None:
    done = ask(bundle, "--host", "api.unknown.example", "--output", form)
    assert done.exit_code == 1
    assert "does not route api.unknown.example. This gateway routes 1 host: edition.cnn.com." in " ".join(
        done.output.split()
    )


def test_without_a_host_there_is_no_route(bundle: Path) -> None:
    done = ask(bundle, "--output", "json")
    assert json.loads(done.stdout)["route"] is None
    assert "Route" not in ask(bundle).output


def test_a_gateway_that_the_profile_does_not_have_has_no_route(bundle: Path) -> None:
    done = CliRunner().invoke(
        main, ["diagnose", "x", "team-egress/other", "--bundle", str(bundle), "--host", "a.example", "--output", "json"]
    )
    if done.exit_code == 2:
        assert "team-egress/egw" in done.output
        return
    found = json.loads(done.stdout)["route"]
    assert found["problem"].startswith("Not traced: ")
    assert found["requests"] == []


def odd_route(spec: Any) -> None:
    spec["http"][0]["match"] = [{"gateways": "mesh", "port": "80"}]
    spec["http"].append({"route": None})
    spec["http"].append("nonsense")


def gateway_with(**values: Any) -> Callable[[Cluster], Cluster]:
    return lambda cluster: changed(cluster, "Gateway", "istio-egressgateway", lambda each: each["spec"].update(values))


def entry_with(**values: Any) -> Callable[[Cluster], Cluster]:
    return lambda cluster: changed(cluster, "ServiceEntry", "cnn", lambda each: each.update(values))


REFUSED: dict[str, Callable[[Cluster], Cluster]] = {
    "a gateway named as text, a port as text, rules that are none": lambda cluster: changed(
        cluster, "VirtualService", "direct-cnn-through-egress-gateway", lambda each: odd_route(each["spec"])
    ),
    "a Gateway without servers": gateway_with(servers=None),
    "a Gateway whose server has no port": gateway_with(servers=[{"hosts": ["edition.cnn.com"]}]),
    "HTTPS without tls": gateway_with(servers=[{"hosts": ["*"], "port": {"number": 80, "protocol": "HTTPS"}}]),
    "a ServiceEntry with ports that are none": entry_with(spec={"hosts": ["edition.cnn.com"], "ports": [None, "80"]}),
    "a ServiceEntry whose spec is a list": entry_with(spec=[]),
    "a wildcard in the middle": entry_with(spec={"hosts": ["a.*.com", "*", ""], "ports": []}),
    "a DestinationRule without a host": lambda cluster: changed(
        cluster, "DestinationRule", "egressgateway-for-cnn", lambda each: each["spec"].pop("host")
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_objects_that_istio_would_have_refused_get_an_answer(name: str, tmp_path: Path) -> None:
    write_bundle(REFUSED[name](named(HTTP)), tmp_path / "odd")
    for form in ("text", "json", "markdown"):
        done = ask(tmp_path / "odd", "--host", "edition.cnn.com", "--output", form)
        assert done.exit_code in (0, 1, 3, 4), done.output
        assert "could not be traced (error" not in done.output
        assert "Traceback" not in done.output


def test_the_text_reads_as_a_path_with_the_place_that_breaks(tmp_path: Path) -> None:
    broken = next(each for each in BREAKAGES if each.name == "the Service's name is cut short")
    write_bundle(broken.do(named(HTTP), HTTP), tmp_path / "broken")
    output = ask(tmp_path / "broken", "--host", "edition.cnn.com", "--from", "team-a").output
    lines = output.splitlines()
    assert "Route of edition.cnn.com" in lines
    assert any(
        line.startswith("  fail         -> route at the sidecar: spec.http[0] of VirtualService") for line in lines
    )
    assert any("not reached: gateway Service, Gateway server" in line for line in lines)
    assert (
        "> Patch the destination to its full name: VirtualService team-egress/direct-cnn-through-egress-gateway. Effect on"
        in " ".join(output.split())
    )
    patch = (
        "        kubectl --context aks1 patch virtualservices.networking.istio.io direct-cnn-through-egress-gateway "
    )
    assert any(line.startswith(patch) for line in lines)


def test_the_markdown_has_the_diagram_with_its_words(tmp_path: Path) -> None:
    broken = next(each for each in BREAKAGES if each.name == "the Service's name is cut short")
    write_bundle(broken.do(named(HTTP), HTTP), tmp_path / "broken")
    output = ask(tmp_path / "broken", "--host", "edition.cnn.com", "--output", "markdown").output
    assert "![http://edition.cnn.com fails at the hop route at the sidecar" in output
    assert "](data:image/svg+xml;base64," in output
    assert "| ❌ | route at the sidecar |" in output
    assert "The command is among the steps above." in output
