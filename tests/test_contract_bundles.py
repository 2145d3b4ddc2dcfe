"""Bundles on the command line: valid formats give the same findings, invalid ones an error."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command_line import ROOT, Answer, ask, refused

HEALTHY = ROOT / "examples" / "bundles" / "healthy"
GATEWAY = "team-egress/egw"

pytestmark = pytest.mark.slow  # a process for each case
BUNDLE = "apiVersion: egress-diag/v1\nkind: Bundle\ncluster: aks1\ncaptured_at: 2026-11-23T10:00:00Z\n"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A bundle to change: the healthy example."""
    return Path(shutil.copytree(HEALTHY, tmp_path / "bundle"))


def diagnose(bundle: Path, *options: str) -> Answer:
    return ask("diagnose", "x", GATEWAY, "--bundle", bundle, "--output", "json", *options)


def error_of(bundle: Path) -> str:
    return refused("diagnose", "x", GATEWAY, "--bundle", bundle)


def written(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def packed(bundle: Path, archive: Path, inside: str = "incident") -> Path:
    with tarfile.open(archive, "w:gz") as file:
        file.add(bundle, arcname=inside)
    return archive


# Valid formats


def folded(raw: Any) -> Any:
    """The REST body as `az … -o json` prints it: with the fields of `properties` at the top."""
    if isinstance(raw, list):
        return [folded(each) for each in raw]
    if not isinstance(raw, dict):
        return raw
    inner = raw.get("properties", {})
    flat = {**{key: value for key, value in raw.items() if key != "properties"}, **inner}
    spelt = {"podSubnetID": "podSubnetId", "vnetSubnetID": "vnetSubnetId", "tenantID": "tenantId"}
    return {spelt.get(key, key): folded(value) for key, value in flat.items()}


def in_the_format_of_az(bundle: Path) -> None:
    for name in ("managed-cluster", "agent-pools"):
        path = bundle / "azure" / f"{name}.json"
        body = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(folded(body.get("value", body))), encoding="utf-8")


def in_one_list(bundle: Path) -> None:
    found = objects(bundle)
    shutil.rmtree(bundle / "objects")
    everything = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": found}
    written(bundle, {"objects/all.yaml": yaml.safe_dump(everything)})


def in_lists_of_a_kind(bundle: Path) -> None:
    """The format of `kubectl get --raw`: the items have neither kind nor apiVersion."""
    kinds: dict[tuple[str, str], list[Any]] = {}
    for each in objects(bundle):
        kinds.setdefault((each.pop("apiVersion"), each.pop("kind")), []).append(each)
    shutil.rmtree(bundle / "objects")
    for number, ((version, kind), items) in enumerate(kinds.items()):
        body = {"apiVersion": version, "kind": f"{kind}List", "items": items}
        written(bundle, {f"objects/{number}.json": json.dumps(body)})


def one_object_a_file(bundle: Path) -> None:
    found = objects(bundle)
    shutil.rmtree(bundle / "objects")
    for number, each in enumerate(reversed(found)):
        written(bundle, {f"objects/a/b/{number}.yml": "# by hand\n---\n" + yaml.safe_dump(each) + "---\n"})


def with_windows_line_ends(bundle: Path) -> None:
    for path in bundle.rglob("*.yaml"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))


def with_other_files_beside(bundle: Path) -> None:
    written(bundle, {"notes.md": "what happened", ".DS_Store": b"\0\xff", "objects/README": "of one night"})
    written(bundle, {"azure/other.json": "{", "expect.yaml": "gateway: [", "objects/.swp": b"\0"})


def objects(bundle: Path) -> list[Any]:
    found: list[Any] = []
    for path in sorted((bundle / "objects").rglob("*.yaml")):
        for document in yaml.load_all(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader):
            found += document["items"] if document["kind"].endswith("List") else [document]
    # BaseLoader returns every scalar as text; `plain` restores numbers and booleans.
    return [plain(each) for each in found]


def plain(value: Any) -> Any:
    match value:
        case dict():
            texts = {"labels", "annotations", "data", "matchLabels", "selector", "resourceVersion", "value"}
            return {key: (inner if key in texts else plain(inner)) for key, inner in value.items()}
        case list():
            return [plain(each) for each in value]
        case "true" | "false":
            return value == "true"
        case "null" | "":
            return None if value == "null" else value
        case str() if value.isdecimal() and len(value) < 12:
            return int(value)
        case _:
            return value


@pytest.mark.parametrize(
    "change",
    [
        in_the_format_of_az,
        in_one_list,
        in_lists_of_a_kind,
        one_object_a_file,
        with_windows_line_ends,
        with_other_files_beside,
    ],
    ids=lambda change: change.__name__,
)
def test_every_format_gives_the_same_findings(change: Callable[[Path], None], copy: Path) -> None:
    before = diagnose(HEALTHY).document["findings"]
    change(copy)
    after = diagnose(copy).document["findings"]
    assert [(f["code"], f["status"], f["summary"]) for f in after] == [
        (f["code"], f["status"], f["summary"]) for f in before
    ]


@pytest.mark.parametrize("inside", [".", "incident", "a/b/c"])
def test_an_archive_with_or_without_its_folder(inside: str, tmp_path: Path) -> None:
    answer = diagnose(packed(HEALTHY, tmp_path / "b.tar.gz", inside), "--only", "EG405")
    assert (answer.code, answer.with_status("pass")) == (0, {"egress-prefix-unassigned"})


# Missing facts are never healthy


def test_an_empty_bundle_has_no_gateway(tmp_path: Path) -> None:
    for number, files in enumerate(({}, {"objects/.keep": ""}, {"azure/.keep": "", "logs/.keep": ""})):
        answer = diagnose(written(tmp_path / str(number), {"bundle.yaml": BUNDLE, **files}))
        assert answer.code == 2
        assert "no gateway of the cluster has a similar name" in answer.err


def test_without_azure_the_rest_is_still_diagnosed(copy: Path) -> None:
    shutil.rmtree(copy / "azure")
    answer = diagnose(copy)
    assert answer.with_status("fail") == set()
    assert "egress-prefix-unassigned" in answer.with_status("pass")
    assert {"pod-subnet-cni", "dual-stack-cluster"} <= answer.with_status("skipped")


def test_without_resources_the_network_checks_offer_commands(copy: Path) -> None:
    (copy / "azure" / "resources.json").unlink()
    answer = diagnose(copy, "--only", "EG204,EG205")
    assert set(answer.statuses) == {"egress-range-blocked", "tunnel-ports-blocked"} == answer.with_status("skipped")
    assert any(each["actions"] for each in answer.document["findings"])


def test_an_empty_managed_cluster_is_unknown(copy: Path) -> None:
    (copy / "azure" / "managed-cluster.json").write_text("{}", encoding="utf-8")
    answer = diagnose(copy)
    assert (answer.code, answer.document["verdict"]) == (3, "inconclusive")
    assert {"cluster-not-running", "gateway-not-in-profile"} <= answer.with_status("unknown")


FORBIDDEN = "- {source: %s, resource: %s, namespace: %s, status: 403, message: forbidden}\n"


@pytest.mark.parametrize(
    ("errors", "code", "unknown"),
    [
        (FORBIDDEN % ("kubernetes", "pods", "null"), 3, "gateway-pods-not-running"),
        (FORBIDDEN % ("kubernetes", "pods", "team-egress"), 3, "gateway-pods-not-running"),
        (FORBIDDEN % ("kubernetes", "pods", "elsewhere"), 3, "workload-cannot-use-gateway"),
        (FORBIDDEN % ("kubernetes", '"*"', "null"), 3, "egress-prefix-unassigned"),
        (FORBIDDEN % ("kubernetes", "serviceentries.networking.istio.io", "null"), 3, "service-entry-missing"),
        (FORBIDDEN % ("azure", "managedClusters", "null"), 3, "gateway-not-in-profile"),
        (FORBIDDEN % ("azure", "agentPools", "null"), 3, ""),
        (FORBIDDEN % ("azure", '"*"', "null"), 3, "dual-stack-cluster"),
        (FORBIDDEN.replace("403", "504") % ("kubernetes", "deployments.apps", "null"), 3, "deployment-not-available"),
        ("[]\n", 0, ""),
        ("", 0, ""),
    ],
)
def test_a_failed_read_fails_in_the_replay(errors: str, code: int, unknown: str, copy: Path) -> None:
    answer = diagnose(written(copy, {"errors.yaml": errors}))
    assert answer.code == code, answer.document["verdict"]
    assert unknown in answer.with_status("unknown") | {""}
    assert answer.with_status("fail") == set()


def test_a_kind_that_is_not_installed(copy: Path) -> None:
    name = "staticgatewayconfigurations.egressgateway.kubernetes.azure.com"
    for path in (copy / "objects").rglob("*.yaml"):
        kept = [
            each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if "StaticGateway" not in str(each)
        ]
        path.write_text(yaml.safe_dump_all(kept), encoding="utf-8")
    about = (copy / "bundle.yaml").read_text(encoding="utf-8")
    answer = diagnose(written(copy, {"bundle.yaml": f"{about}absent_kinds: [{name}]\n"}))
    assert answer.code == 3
    assert answer.with_status("unknown") == {"gateway-configuration-missing"}


def test_a_name_in_two_namespaces_is_ambiguous(copy: Path) -> None:
    path = copy / "azure" / "managed-cluster.json"
    body = json.loads(path.read_text(encoding="utf-8"))
    gateways = body["properties"]["serviceMeshProfile"]["istio"]["components"]["egressGateways"]
    gateways.append({**gateways[0], "namespace": "team-b"})
    path.write_text(json.dumps(body), encoding="utf-8")
    message = refused("diagnose", "x", "egw", "--bundle", copy)
    assert '"egw" matches 2 gateways: team-b/egw, team-egress/egw' in message
    assert diagnose(copy).code == 0


# Invalid bundles


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bundle.yaml", "", "bundle.yaml: not a mapping"),
        ("bundle.yaml", BUNDLE.replace("/v1", "/v9"), "apiVersion is 'egress-diag/v9'; expected egress-diag/v1"),
        ("bundle.yaml", BUNDLE.replace("2026-11-23T10:00:00Z", "yesterday"), "captured_at is 'yesterday'"),
        ("bundle.yaml", BUNDLE + "absent_kind: []\n", 'unknown key "absent_kind"; expected absent_kinds'),
        ("errors.yaml", "source: azure\n", "errors.yaml: not a list"),
        ("errors.yaml", "- {source: azur, resource: x, status: 403}\n", "source is 'azur'"),
        ("errors.yaml", "- {source: azure, resource: x, status: many}\n", "status is 'many'"),
        ("azure/managed-cluster.json", "[]", "azure/managed-cluster.json: not a JSON object"),
        ("azure/managed-cluster.json", '{"name": ', "azure/managed-cluster.json: not valid JSON"),
        ("azure/agent-pools.json", "5", "azure/agent-pools.json: not a list"),
        ("azure/resources.json", '{"id": "x"}', "azure/resources.json: not a list"),
        ("objects/a.yaml", "kind: Pod\n  metadata: {", "objects/a.yaml: not valid YAML"),
        ("objects/a.yaml", "just words\n", "objects/a.yaml: document 1 has no kind and apiVersion"),
        ("objects/a.yaml", "apiVersion: v1\nkind: Pod\n", "a Pod, has no metadata.name"),
        ("objects/a.yaml", "!!python/object/apply:os.system [id]\n", "the tag"),
        ("objects/a.yaml", "[" * 100_000, "nested deeper than 100 levels"),
        ("objects/a.json", '{"a":' * 100_000, "objects/a.json: not valid JSON"),
        ("objects/a.yaml", b"\xff\xfe\0k\0i\0n\0d", "is not UTF-8"),
        ("objects/a.txt", "kubectl get pods", "expected a name that ends in .yaml"),
        ("logs/istiod.log", "text", "expected logs/<namespace>/<pod>/<container>.log"),
    ],
)
def test_an_error_names_the_file_and_the_expected_content(
    name: str, content: str | bytes, message: str, tmp_path: Path
) -> None:
    assert message in error_of(written(tmp_path, {"bundle.yaml": BUNDLE, name: content}))


def test_paths_that_are_not_a_bundle(tmp_path: Path) -> None:
    home = written(tmp_path / "home", {"a.txt": "x"})
    (home / "pipe").symlink_to("/")
    assert "bundle.yaml: is missing" in error_of(home)
    assert "there is no such bundle" in error_of(tmp_path / "none")
    for path in ("/dev/zero", "/etc/passwd"):
        assert "neither a directory nor a .tar.gz" in error_of(Path(path))


def test_a_truncated_archive(tmp_path: Path) -> None:
    complete = packed(HEALTHY, tmp_path / "whole.tar.gz").read_bytes()
    for part in (1, len(complete) // 2, len(complete) - 1):
        (tmp_path / "cut.tar.gz").write_bytes(complete[:part])
        error_of(tmp_path / "cut.tar.gz")


@pytest.mark.parametrize("name", ["../outside.yaml", "/etc/outside.yaml", "a/../../outside.yaml"])
def test_a_path_that_leaves_the_bundle(name: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as file:
        for each, content in (("bundle.yaml", BUNDLE.encode()), (name, b"x")):
            about = tarfile.TarInfo(each)
            about.size = len(content)
            file.addfile(about, io.BytesIO(content))
    assert "leaves the bundle" in error_of(tmp_path / "b.tar.gz")
    assert not list(tmp_path.parent.glob("outside.yaml"))


def test_links_that_leave_a_bundle(copy: Path, tmp_path: Path) -> None:
    (copy / "objects" / "secret.yaml").symlink_to("/etc/shadow")
    assert "a link that leaves the bundle" in error_of(copy)
    assert "a link" in error_of(packed(copy, tmp_path / "b.tar.gz"))


def test_compression_and_alias_bombs_are_refused(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "b.tar.gz", "wb", compresslevel=9) as file:
        for _ in range(64):
            file.write(b"\0" * 1024 * 1024)
    error_of(tmp_path / "b.tar.gz")
    laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, after in zip("abcdefgh", "bcdefghi", strict=True)
    )
    written(tmp_path / "laughs", {"bundle.yaml": BUNDLE, "objects/a.yaml": f"apiVersion: v1\nkind: Pod\n{laughs}"})
    assert "aliases counted each time" in error_of(tmp_path / "laughs")


# Large bundles


def test_a_large_cluster_and_a_long_log(copy: Path) -> None:
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"web-{number}", "namespace": "shop", "labels": {"app": "web"}},
            "spec": {"nodeName": f"node-{number % 50}", "containers": [{"name": "web", "image": "web:1"}]},
            "status": {"phase": "Running", "podIP": f"10.244.{number // 250}.{number % 250}"},
        }
        for number in range(2000)
    ]
    written(copy, {"objects/shop.json": json.dumps({"apiVersion": "v1", "kind": "List", "items": pods})})
    log = next((copy / "logs").glob("team-egress/*/istio-proxy.log"))
    log.write_bytes(log.read_bytes() + b"\xff\x00 2026-11-23T09:00:00Z info nothing of note\n" * 200_000)
    answer = diagnose(copy)
    assert answer.with_status("fail") == set()
    assert answer.document["duration_seconds"] < 40
