"""Bundles that are recorded, hand-written, damaged or malicious."""

import gzip
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from checks.model.documents import BadDocument, Budget, parse_yaml
from checks.sources import archive
from checks.sources.bundle import BundleError, read_bundle
from tests.clusters.compose import named, write_bundle
from tests.recordings import recording

ABOUT = "apiVersion: egress-diag/v1\nkind: Bundle\ncluster: weu\ncaptured_at: 2026-11-16T10:20:00Z\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b, creationTimestamp: 2026-11-16T10:20:00Z}\n"


def bundle(folder: Path, **files: str | bytes) -> Path:
    """A bundle directory: keys are paths with `__` for `/` and `_dot_` for `.`."""
    root = folder / "bundle"
    written: dict[str, str | bytes] = {"bundle.yaml": ABOUT}
    for key, content in files.items():
        written[key.replace("__", "/").replace("_dot_", ".").replace("_dash_", "-")] = content
    for name, content in written.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def packed(folder: Path, add: Callable[[tarfile.TarFile], None] | None = None, root: str = "weu/") -> Path:
    """A .tar.gz with a bundle.yaml and the files that `add` adds."""
    path = folder / "bundle.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        put(tar, f"{root}bundle.yaml", ABOUT.encode())
        if add is not None:
            add(tar)
    return path


def put(tar: tarfile.TarFile, name: str, content: bytes = b"") -> None:
    about = tarfile.TarInfo(name)
    about.size = len(content)
    tar.addfile(about, io.BytesIO(content))


def special(tar: tarfile.TarFile, name: str, kind: bytes, target: str = "") -> None:
    about = tarfile.TarInfo(name)
    about.type = kind
    about.linkname = target
    tar.addfile(about)


def identity(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    metadata = manifest["metadata"]
    return (manifest["apiVersion"], manifest["kind"], metadata.get("namespace", ""), metadata["name"])


def refusal(path: Path) -> str:
    with pytest.raises(BundleError) as caught:
        read_bundle(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# valid bundles


@pytest.mark.parametrize("name", ["base", "upgrade-two-revisions"])
@pytest.mark.parametrize("form", ["directory", "archive", "archive without its folder"])
def test_a_whole_cluster_reads_the_same_from_each_form(name: str, form: str, tmp_path: Path) -> None:
    write_bundle(named(name), tmp_path / "weu")
    path = tmp_path / "weu"
    if form == "archive":
        path = Path(shutil.make_archive(str(tmp_path / "x"), "gztar", tmp_path, "weu"))
    elif form == "archive without its folder":
        path = Path(shutil.make_archive(str(tmp_path / "x"), "gztar", tmp_path / "weu", "."))
    found, expected = read_bundle(path), recording(named(name))

    assert sorted(found.objects, key=identity) == sorted(expected.objects, key=identity)
    assert found.managed_cluster == expected.managed_cluster
    assert list(found.agent_pools or ()) == list(expected.agent_pools or ())
    assert list(found.resources or ()) == list(expected.resources or ())
    assert found.logs == expected.logs
    assert found.captured_at == expected.captured_at


def test_times_remain_text(tmp_path: Path) -> None:
    found = read_bundle(bundle(tmp_path, objects__a_dot_yaml=POD))
    assert found.objects[0]["metadata"]["creationTimestamp"] == "2026-11-16T10:20:00Z"


def test_lists_and_several_documents_and_json_are_all_read(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        objects__documents_dot_yaml=POD + "---\n---\n" + POD.replace("name: a", "name: b"),
        objects__list_dot_yaml="apiVersion: v1\nkind: List\nitems:\n- "
        + POD.replace("\n", "\n  ").replace("e: a", "e: c"),
        objects__typed_dot_yaml="apiVersion: v1\nkind: PodList\nitems: [{metadata: {name: d, namespace: b}}]",
        objects__empty_dot_yaml="apiVersion: v1\nkind: ServiceList\nitems: null",
        objects__x__json_dot_json='{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "e", "namespace": "b"}}',
        objects__flow_dot_yaml="{apiVersion: v1, kind: Pod, metadata: {name: f, namespace: b}}",
        objects__README_dot_md="what happened",
        _dot_DS_Store=b"\xff",
    )
    found = read_bundle(path)
    assert sorted(each["metadata"]["name"] for each in found.objects) == ["a", "b", "c", "d", "e", "f"]
    assert {(each["apiVersion"], each["kind"]) for each in found.objects} == {("v1", "Pod")}


def test_an_event_of_both_apis_is_kept_once(tmp_path: Path) -> None:
    event = "apiVersion: {0}\nkind: Event\nmetadata: {{name: a, namespace: b}}\n{1}: x\n"
    path = bundle(
        tmp_path,
        objects__core_dot_yaml=event.format("v1", "message"),
        objects__events_dot_yaml=event.format("events.k8s.io/v1", "note"),
    )
    assert [each["apiVersion"] for each in read_bundle(path).objects] == ["v1"]


def test_a_log_with_invalid_utf8_keeps_its_lines(tmp_path: Path) -> None:
    found = read_bundle(bundle(tmp_path, logs__ns__pod__proxy_dot_log=b"one \xff\ntwo\n"))
    assert found.logs == {"ns/pod/proxy": "one \ufffd\ntwo\n"}


def test_anchors_and_merge_keys_of_hand_written_bundles_are_read(tmp_path: Path) -> None:
    written = "apiVersion: v1\nkind: Pod\nmetadata: &m {name: a, namespace: b}\nspec: {<<: *m, name: c}\n"
    found = read_bundle(bundle(tmp_path, objects__a_dot_yaml=written))
    assert found.objects[0]["spec"] == {"name": "c", "namespace": "b"}


def test_both_shapes_of_azure_lists_are_read(tmp_path: Path) -> None:
    pool = '{"name": "gw", "mode": "Gateway"}'
    rest = bundle(tmp_path / "1", azure__agent_dash_pools_dot_json=f'{{"value": [{pool}]}}')
    cli = bundle(tmp_path / "2", azure__agent_dash_pools_dot_json=f"[{pool}]")
    assert read_bundle(rest).agent_pools == read_bundle(cli).agent_pools == [{"name": "gw", "mode": "Gateway"}]


ANOTHER_ANSWER: dict[str, tuple[str, str, str]] = {
    "an empty object": ("managed-cluster.json", "{}", "not a managed cluster: it is empty"),
    "a node pool": (
        "managed-cluster.json",
        '{"name": "gw", "type": "Microsoft.ContainerService/managedClusters/agentPools", "properties": {"count": 2}}',
        "not a managed cluster: it is Microsoft.ContainerService/managedClusters/agentPools",
    ),
    "Azure's error": (
        "managed-cluster.json",
        '{"error": {"code": "ResourceNotFound", "message": "gone"}}',
        "Azure's error ResourceNotFound in place of an answer",
    ),
    "a list with an empty object": ("agent-pools.json", "[{}]", "entry 1 is not a node pool: it is empty"),
    "a list of managed clusters": (
        "agent-pools.json",
        '[{"name": "gw", "count": 2}, {"name": "aks", "type": "Microsoft.ContainerService/ManagedClusters"}]',
        "entry 2 is not a node pool: it is Microsoft.ContainerService/ManagedClusters",
    ),
}


@pytest.mark.parametrize(("name", "content", "message"), ANOTHER_ANSWER.values(), ids=ANOTHER_ANSWER.keys())
def test_a_file_with_another_answer_is_a_failed_read(name: str, content: str, message: str, tmp_path: Path) -> None:
    """Without its node pools, the gateway node pool seemed to be missing."""
    key = f"azure__{name}".replace("-", "_dash_").replace(".", "_dot_")
    (error,) = read_bundle(bundle(tmp_path, **{key: content})).errors
    resource = "managedClusters" if name == "managed-cluster.json" else "agentPools"
    assert error == {"source": "azure", "resource": resource, "status": 502, "message": f"azure/{name}: {message}"}


@pytest.mark.parametrize(
    "content",
    [
        '{"serviceMeshProfile": {"mode": "Istio"}}',
        '{"properties": {"provisioningState": "Succeeded"}}',
        '{"type": "Microsoft.ContainerService/ManagedClusters", "kubernetesVersion": "1.34"}',
    ],
)
def test_a_managed_cluster_may_lack_fields(content: str, tmp_path: Path) -> None:
    assert read_bundle(bundle(tmp_path, azure__managed_dash_cluster_dot_json=content)).errors == []


def test_a_log_that_is_a_status_is_a_failed_read(tmp_path: Path) -> None:
    status = '{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 500}'
    found = read_bundle(bundle(tmp_path, logs__b__a__istio_dash_proxy_dot_log=status))
    (error,) = found.errors
    assert (error["source"], error["namespace"], error["name"], error["status"]) == ("logs", "b", "a", 502)
    assert found.logs == {}


def test_a_link_to_a_file_of_the_bundle_is_read(tmp_path: Path) -> None:
    path = bundle(tmp_path, objects__a_dot_yaml=POD)
    (path / "azure").mkdir()
    (path / "objects/b.yaml").symlink_to("a.yaml")
    assert len(read_bundle(path).objects) == 1


# invalid bundles

WRONG = {
    "no bundle.yaml": ({"bundle_dot_yaml": ""}, "bundle.yaml: not a mapping; expected the keys apiVersion"),
    "another version": (
        {"bundle_dot_yaml": ABOUT.replace("v1", "v2")},
        "bundle.yaml: apiVersion is 'egress-diag/v2'; expected egress-diag/v1",
    ),
    "another kind": (
        {"bundle_dot_yaml": ABOUT.replace("Bundle", "Pod")},
        "bundle.yaml: kind is 'Pod'; expected Bundle",
    ),
    "no cluster": ({"bundle_dot_yaml": ABOUT.replace("cluster: weu\n", "")}, "bundle.yaml: cluster is None; expected"),
    "no time": (
        {"bundle_dot_yaml": ABOUT.replace("2026-11-16T10:20:00Z", "yesterday")},
        "bundle.yaml: captured_at is 'yesterday'; expected an RFC 3339 time",
    ),
    "a mistyped key": (
        {"bundle_dot_yaml": ABOUT + "absent_kind: [a]\n"},
        'bundle.yaml: unknown key "absent_kind"; expected absent_kinds',
    ),
    "absent kinds that are not a list": (
        {"bundle_dot_yaml": ABOUT + "absent_kinds: a\n"},
        "absent_kinds is not a list",
    ),
    "errors that are not a list": ({"errors_dot_yaml": "source: azure"}, "errors.yaml: not a list; expected a list"),
    "an unknown field of an error": (
        {"errors_dot_yaml": "[{source: azure, resource: x, status: 403, verb: get}]"},
        'errors.yaml: entry 1 has an unknown key "verb"; expected source, resource',
    ),
    "an error of an unknown source": (
        {"errors_dot_yaml": "[{source: aws, resource: x, status: 403}]"},
        "errors.yaml: entry 1: source is 'aws'; expected kubernetes or azure or logs",
    ),
    "an error without a status": (
        {"errors_dot_yaml": "[{source: azure, resource: x}]"},
        "errors.yaml: entry 1: status is None; expected an HTTP status",
    ),
    "an error whose namespaces are not a list": (
        {"errors_dot_yaml": "[{source: kubernetes, resource: pods, status: 403, readable_in: payments}]"},
        "errors.yaml: entry 1: readable_in is 'payments'; expected a list of namespaces",
    ),
    "an error that is not a mapping": ({"errors_dot_yaml": "[403]"}, "errors.yaml: entry 1 is not a mapping"),
    "JSON that ends early": (
        {"azure__managed_dash_cluster_dot_json": '{"id": "'},
        "managed-cluster.json: not valid JSON",
    ),
    "Azure JSON of another shape": (
        {"azure__managed_dash_cluster_dot_json": "[]"},
        "managed-cluster.json: not a JSON object",
    ),
    "pools that are not a list": (
        {"azure__agent_dash_pools_dot_json": '"x"'},
        "agent-pools.json: not a list of JSON objects",
    ),
    "a resource without its id": (
        {"azure__resources_dot_json": '[{"name": "nsg"}]'},
        "resources.json: entry 1 is not an Azure resource: it has the fields name",
    ),
    "YAML that ends early": ({"objects__a_dot_yaml": 'apiVersion: "v1'}, "objects/a.yaml: not valid YAML"),
    "YAML with a tag": (
        {"objects__a_dot_yaml": POD + "spec: !!python/object/apply:os.system [id]\n"},
        "objects/a.yaml: the tag tag:yaml.org,2002:python/object/apply:os.system is not supported (line 4)",
    ),
    "a custom tag": ({"objects__a_dot_yaml": POD + "spec: !include x\n"}, "the tag !include is not supported (line 4)"),
    "an alias without an anchor": ({"objects__a_dot_yaml": POD + "spec: *x\n"}, "the alias *x has no anchor before it"),
    "an anchor inside itself": (
        {"objects__a_dot_yaml": POD + "spec: &x [*x]\n"},
        "the alias *x has no anchor before it",
    ),
    "a key twice": (
        {"objects__a_dot_yaml": POD + "kind: Pod\n"},
        'the key "kind" occurs twice in one mapping (line 4)',
    ),
    "a key that is a list": ({"objects__a_dot_yaml": POD + "? [a]\n: b\n"}, "a key that is not a string (line 4)"),
    "another text encoding": ({"objects__a_dot_yaml": POD.encode("utf-16")}, "objects/a.yaml: byte 0 is not UTF-8"),
    "binary": ({"objects__a_dot_yaml": b"\x00\x01"}, "objects/a.yaml: not valid YAML"),
    "no object": ({"objects__a_dot_yaml": "hello"}, "objects/a.yaml: document 1 has no kind and apiVersion"),
    "an object without a name": (
        {"objects__a_dot_yaml": "apiVersion: v1\nkind: Pod\n"},
        "objects/a.yaml: document 1, a Pod, has no metadata.name",
    ),
    "items that are not a list": (
        {"objects__a_dot_yaml": "apiVersion: v1\nkind: List\nitems: {a: b}\n"},
        "objects/a.yaml: document 1, a List: items is not a list",
    ),
    "an item that is not an object": (
        {"objects__a_dot_yaml": "apiVersion: v1\nkind: List\nitems: [a]\n"},
        "objects/a.yaml: document 1, item 1 is not an object",
    ),
    "two versions of one object": (
        {"objects__a_dot_yaml": POD, "objects__b_dot_yaml": POD + "status: {phase: Failed}\n"},
        "objects/b.yaml: Pod b/a is also in objects/a.yaml, with different content; expected each object once",
    ),
    "a file without Kubernetes objects": (
        {"objects__pods_dot_txt": "x"},
        "objects/pods.txt: not a file of Kubernetes objects",
    ),
    "a log in another place": (
        {"logs__ns__pod_dot_log": "x"},
        "logs/ns/pod.log: a log in an unexpected place; expected logs/<namespace>/<pod>/<container>.log",
    ),
}


@pytest.mark.parametrize(("files", "message"), WRONG.values(), ids=WRONG.keys())
def test_an_error_names_the_file_and_the_expected_content(
    files: dict[str, str | bytes], message: str, tmp_path: Path
) -> None:
    path = bundle(tmp_path, **files)
    assert message in refusal(path)
    assert refusal(path).startswith(f"{path}: ")
    assert "expected" in refusal(path)


def test_a_bundle_that_does_not_exist(tmp_path: Path) -> None:
    assert refusal(tmp_path / "x") == f"{tmp_path}/x: there is no such bundle; expected a directory or a .tar.gz"


def test_a_directory_without_bundle_yaml(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: bundle.yaml: is missing; expected it at the top of the bundle"


def test_an_archive_without_bundle_yaml(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        put(tar, "x/objects/a.yaml", POD.encode())
    assert "contains no bundle.yaml" in refusal(path)


def test_a_file_of_another_format(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"PK\x03\x04")
    assert refusal(path) == f"{path}: neither a directory nor a .tar.gz"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = bundle(tmp_path, objects__a_dot_yaml=POD)
    (path / "objects/a.yaml").chmod(0)
    assert "objects/a.yaml: cannot be read: Permission denied" in refusal(path)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.yaml",
        "weu/../../evil.yaml",
        "/etc/evil.yaml",
        "weu\\..\\evil.yaml",
        "C:/evil.yaml",
        "weu/objects/../../x",
    ],
)
def test_a_path_that_leaves_the_archive(name: str, tmp_path: Path) -> None:
    assert "a path that leaves the bundle" in refusal(packed(tmp_path, lambda tar: put(tar, name)))


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "bundle.yaml"),
        (tarfile.LNKTYPE, "weu/bundle.yaml"),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
    ],
)
def test_links_and_devices_in_an_archive(kind: bytes, target: str, tmp_path: Path) -> None:
    path = packed(tmp_path, lambda tar: special(tar, "weu/objects/a.yaml", kind, target))
    assert "weu/objects/a.yaml: a link, device or sparse file" in refusal(path)


def test_a_name_that_occurs_twice(tmp_path: Path) -> None:
    path = packed(tmp_path, lambda tar: put(tar, "weu/bundle.yaml", ABOUT.encode()))
    assert "weu/bundle.yaml: occurs twice" in refusal(path)


def test_an_archive_of_two_bundles(tmp_path: Path) -> None:
    path = packed(tmp_path, lambda tar: put(tar, "neu/bundle.yaml", ABOUT.encode()))
    assert "contains several bundles (neu and weu)" in refusal(path).replace("weu and neu", "neu and weu")


def test_an_archive_with_a_file_outside_the_bundle(tmp_path: Path) -> None:
    assert "other.yaml: is outside the bundle weu" in refusal(packed(tmp_path, lambda tar: put(tar, "other.yaml")))


def test_a_bomb_of_zeros(tmp_path: Path) -> None:
    path = packed(tmp_path, lambda tar: put(tar, "weu/objects/a.yaml", bytes(archive.MAX_FILE - 1)))
    assert path.stat().st_size < 1_000_000
    assert "unpacks to more than 200 times its size" in refusal(path)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    def add(tar: tarfile.TarFile) -> None:
        about = tarfile.TarInfo("weu/objects/a.yaml")
        about.size = archive.MAX_FILE + 1
        tar.addfile(about, io.BytesIO(bytes(about.size)))

    assert "weu/objects/a.yaml: 64 MiB; a file of a bundle may have at most 64 MiB" in refusal(packed(tmp_path, add))


@pytest.mark.slow
def test_an_archive_of_too_many_files(tmp_path: Path) -> None:
    def add(tar: tarfile.TarFile) -> None:
        for number in range(archive.MAX_FILES):
            put(tar, f"weu/objects/{number}.yaml")

    assert "a bundle may contain 20,000 files" in refusal(packed(tmp_path, add))


def test_a_sparse_file_of_a_terabyte(tmp_path: Path) -> None:
    def add(tar: tarfile.TarFile) -> None:
        about = tarfile.TarInfo("weu/objects/a.yaml")
        about.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 40)}
        body = b"1\n0\n512\n".ljust(512, b"\0") + bytes(512)
        about.size = len(body)
        tar.addfile(about, io.BytesIO(body))

    assert "a link, device or sparse file" in refusal(packed(tmp_path, add))


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.99])
def test_a_truncated_archive(kept: float, tmp_path: Path) -> None:
    write_bundle(named("base"), tmp_path / "weu")
    complete = Path(shutil.make_archive(str(tmp_path / "x"), "gztar", tmp_path, "weu")).read_bytes()
    path = tmp_path / "cut.tar.gz"
    path.write_bytes(complete[: int(len(complete) * kept)])
    assert "damaged or truncated" in refusal(path)


@pytest.mark.parametrize("kept", [512, 1024, 1536, 5000])
def test_an_archive_of_a_truncated_tar(kept: int, tmp_path: Path) -> None:
    write_bundle(named("base"), tmp_path / "weu")
    complete = gzip.decompress(Path(shutil.make_archive(str(tmp_path / "x"), "gztar", tmp_path, "weu")).read_bytes())
    path = tmp_path / "cut.tar.gz"
    path.write_bytes(gzip.compress(complete[:kept]))
    assert refusal(path)


def test_a_damaged_checksum(tmp_path: Path) -> None:
    path = packed(tmp_path)
    content = bytearray(path.read_bytes())
    content[-5] ^= 0xFF
    path.write_bytes(bytes(content))
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("at", range(12, 200, 13))
def test_a_flipped_bit_causes_no_crash(at: int, tmp_path: Path) -> None:
    path = packed(tmp_path, lambda tar: put(tar, "weu/objects/a.yaml", POD.encode()))
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 0x10
    path.write_bytes(bytes(content))
    with suppress(BundleError):  # a changed name in the header may still be a valid name
        read_bundle(path)


def test_a_link_out_of_the_directory(tmp_path: Path) -> None:
    path = bundle(tmp_path, objects__a_dot_yaml=POD)
    (tmp_path / "secret.yaml").write_text(POD)
    (path / "objects/b.yaml").symlink_to(tmp_path / "secret.yaml")
    assert "objects/b.yaml: a link that leaves the bundle" in refusal(path)


def test_a_link_to_a_directory(tmp_path: Path) -> None:
    path = bundle(tmp_path, objects__a_dot_yaml=POD)
    (path / "objects/loop").symlink_to(path / "objects")
    assert "objects/loop: a link to a directory" in refusal(path)


def test_a_link_to_a_missing_file(tmp_path: Path) -> None:
    path = bundle(tmp_path, objects__a_dot_yaml=POD)
    (path / "objects/b.yaml").symlink_to("gone.yaml")
    assert "cannot be read: No such file" in refusal(path)


def test_a_pipe_in_the_directory(tmp_path: Path) -> None:
    path = bundle(tmp_path, objects__a_dot_yaml=POD)
    os.mkfifo(path / "objects/b.yaml")
    assert "objects/b.yaml: not a plain file" in refusal(path)


def test_a_billion_laughs(tmp_path: Path) -> None:
    laughs = "\n".join(f"a{n}: &a{n} [{', '.join(['*a' + str(n - 1)] * 9)}]" for n in range(1, 10))
    path = bundle(tmp_path, objects__a_dot_yaml=f"{POD}a0: &a0 [lol, lol]\n{laughs}\n")
    assert "objects/a.yaml: more than 5,000,000 values in total" in refusal(path)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "a:\n" + "".join("  " * n + "- b:\n" for n in range(1, 300)), '{"a":' * 5000]
)
def test_a_document_that_is_nested_too_deep(text: str, tmp_path: Path) -> None:
    message = refusal(bundle(tmp_path, objects__a_dot_yaml=text))
    assert "nested deeper than 100 levels" in message or "more than" in message


def test_json_that_is_nested_too_deep(tmp_path: Path) -> None:
    assert "not valid JSON" in refusal(bundle(tmp_path, azure__managed_dash_cluster_dot_json="[" * 100_000))


def test_the_budget_applies_to_all_documents_together() -> None:
    budget = Budget(10)
    assert list(parse_yaml("[1, 2, 3]", budget)) == [[1, 2, 3]]
    with pytest.raises(BadDocument, match="more than 10 values"):
        list(parse_yaml("[1, 2, 3, 4, 5, 6]", budget))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *(
            ("80", 80),
            ("-1", -1),
            ("0o17", 15),
            ("0644", 420),
            ("0x1F", 31),
            ("1.5", 1.5),
            ("1e3", 1000.0),
            ("~", None),
        ),
        *(("null", None), ("true", True), ("No", False), ("'80'", "80"), ("1.30", 1.3), ("1:30", "1:30"), ("v1", "v1")),
        *(
            ("2026-11-16", "2026-11-16"),
            ("2026-11-16T10:20:00Z", "2026-11-16T10:20:00Z"),
            ("1.2.3", "1.2.3"),
        ),
        *(("!!str 80", "80"), ("! 80", "80"), ("9" * 40, "9" * 40), ("10.0.0.0/8", "10.0.0.0/8"), ("+", "+")),
    ],
)
def test_plain_scalars_have_the_types_that_kubernetes_reads(written: str, value: object) -> None:
    assert list(parse_yaml(f"a: {written}", Budget())) == [{"a": value}]


def test_one_page_of_a_list_is_refused(tmp_path: Path) -> None:
    """The objects of the other pages seemed to be missing."""
    page = '{"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": "more"}, "items": []}'
    with pytest.raises(BundleError, match=r"one page of a list \(metadata.continue is set\); expected the whole list"):
        read_bundle(bundle(tmp_path, objects__pods_dot_json=page))
