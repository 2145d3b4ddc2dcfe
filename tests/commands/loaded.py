"""The objects of one recorded cluster after the other in a real API server."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import yaml

from tests.clusters.bundles import Cluster, Manifest
from tests.clusters.compose import identity, resource_of
from tests.commands.completed import completed
from tests.loopback.apiserver import ADMIN, ApiServer

Identity = tuple[str, str, str, str]
"""apiVersion, kind, namespace ('' for cluster-scoped kinds), name."""

Key = tuple[str, str, str, str]
"""API group, kind, namespace, name: the same for all versions of an API."""

_DEFINITION = "CustomResourceDefinition"
_OTHERS = tuple(yaml.safe_load_all((Path(__file__).parent / "others.yaml").read_text(encoding="utf-8")))
"""Definitions and objects that printed commands name and no recorded cluster contains."""

_DELETING = "/deleting"
_ORDER = {"Namespace": 0, "Node": 1}
_SYSTEM = {"kube-system", "kube-public", "kube-node-lease", "default"}
_RESTORED = (
    "apps",
    "batch",
    "autoscaling",
    "policy",
    "networking.k8s.io",
    "discovery.k8s.io",
    "rbac.authorization.k8s.io",
)
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class LoadedServer:
    """An API server that holds the objects of one cluster at a time.

    `load` changes only what differs from the cluster before.
    """

    def __init__(self, server: ApiServer, definitions: Path) -> None:
        self.server = server
        self.refused: dict[str, str] = {}
        """Recorded objects that the server did not accept so far, with its reason."""
        self.missing: set[str] = set()
        """The names of those of the present cluster."""
        self._definitions = {each["metadata"]["name"]: each for each in _read(definitions)}
        self._absent: frozenset[str] = frozenset()
        self._wanted_absent = self._absent
        self._loaded: dict[Identity, Manifest] = {}
        self._versions: dict[Identity, str] = {}
        server.install(definitions)
        for each in _OTHERS:
            if each["kind"] == _DEFINITION:
                self._ask("POST", _DEFINITIONS, each)
        self._wait_until_served()
        self._system = self._stored().keys()

    @property
    def kinds(self) -> str:
        """A word for the present kinds: kubectl keeps the list of them in its cache."""
        return hashlib.sha256("|".join(sorted(self._absent)).encode()).hexdigest()[:8]

    def load(self, cluster: Cluster) -> None:
        """Make the server hold exactly the objects of the cluster."""
        self._wanted_absent = frozenset(cluster.absent_kinds) & frozenset(self._definitions)
        self._define(self._wanted_absent)
        self.missing = set()
        wanted = {identity(each): _prepared(each) for each in _with_others(cluster)}
        for who in [each for each, held in self._loaded.items() if wanted.get(each) != held]:
            self._remove(who, keep=who in wanted)
        for who in sorted(wanted.keys() - self._loaded.keys(), key=_order):
            self._add(who, wanted[who])

    def install_missing(self) -> None:
        """Create the missing definitions, as AKS does when their add-on is enabled."""
        self._define(frozenset())

    def end_namespaces(self) -> None:
        """Remove the namespaces that are being deleted, as their controller does."""
        for name in self._ask("GET", "/api/v1/namespaces")[1]["items"]:
            if "deletionTimestamp" in name["metadata"]:
                path = f"/api/v1/namespaces/{name['metadata']['name']}"
                self._ask("PUT", f"{path}/finalize", {**name, "spec": {"finalizers": []}})

    def restore(self) -> None:
        """Undo what commands have changed since the cluster was loaded."""
        self._define(self._wanted_absent)
        stored = self._stored()
        held = {_key(who): who for who in self._loaded}
        for key in stored.keys() - self._system - held.keys():
            self._delete(stored[key][0], key[1])
        changed = [who for key, who in held.items() if stored.get(key, ("", ""))[1] != self._versions[who]]
        manifests = {who: self._loaded[who] for who in changed if who[1] != "Event"}
        for who in manifests:
            self._remove(who, keep=True)
        for who in sorted(manifests, key=_order):
            self._add(who, manifests[who])

    def _add(self, who: Identity, manifest: Manifest) -> None:
        created = {key: value for key, value in manifest.items() if key != _DELETING}
        status, found = self._ask("POST", self._collection(who), created)
        until = time.monotonic() + 10
        while status == 403 and "being terminated" in str(found.get("message")) and time.monotonic() < until:
            time.sleep(0.1)  # admission reads its own copy of a namespace that was deleted and created again
            status, found = self._ask("POST", self._collection(who), created)
        if status == 409 and who[1] == "Namespace":
            _, held = self._ask("GET", self._path(who))
            labels = {**manifest["metadata"].get("labels", {}), "kubernetes.io/metadata.name": who[3]}
            kept = {**held["metadata"], "labels": labels, "annotations": manifest["metadata"].get("annotations", {})}
            status, found = self._ask("PUT", self._path(who), {**held, "metadata": kept})
        if status >= 300:
            self.missing.add(who[3])
            self.refused[f"{who[1]} {who[2]}/{who[3]}".replace(" /", " ")] = str(found.get("message"))
            return
        if "status" in manifest and who[1] != "Namespace":
            _, answered = self._ask("PUT", f"{self._path(who)}/status", {**found, "status": manifest["status"]})
            found = answered if "metadata" in answered else found
        if _DELETING in manifest:
            self._ask("DELETE", self._path(who))
            _, found = self._ask("GET", self._path(who))
        self._loaded[who] = manifest
        self._versions[who] = str(found.get("metadata", {}).get("resourceVersion"))

    def _remove(self, who: Identity, *, keep: bool = False) -> None:
        """Delete an object. With `keep`, a Namespace stays: it is created again."""
        manifest = self._loaded.pop(who)
        self._versions.pop(who, None)
        if who[1] == "Namespace" and (who[3] in _SYSTEM or (keep and _DELETING not in manifest)):
            return
        self._delete(self._path(who), who[1])

    def _delete(self, path: str, kind: str) -> None:
        self._ask("PATCH", path, {"metadata": {"finalizers": None}}, "application/merge-patch+json")
        self._ask("DELETE", path, {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0})
        if kind == "Namespace":
            _, held = self._ask("GET", path)
            self._ask("PUT", f"{path}/finalize", {**held, "spec": {"finalizers": []}})

    def _define(self, absent: frozenset[str]) -> None:
        """Remove the definitions of absent kinds, and create the others again."""
        if absent == self._absent:
            return
        for name in absent - self._absent:
            gone = self._definitions[name]["spec"]
            for who in [each for each in self._loaded if _key(each)[:2] == (gone["group"], gone["names"]["kind"])]:
                self._remove(who)
            self._ask("DELETE", f"{_DEFINITIONS}/{name}")
            self._wait(lambda name=name: self._ask("GET", f"{_DEFINITIONS}/{name}")[0] == 404)
        for name in self._absent - absent:
            self._ask("POST", _DEFINITIONS, self._definitions[name])
        self._absent = absent
        self._wait_until_served()

    def _wait_until_served(self) -> None:
        for each in self._ask("GET", _DEFINITIONS)[1]["items"]:
            spec = each["spec"]
            version = next(one["name"] for one in spec["versions"] if one["served"])
            path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
            self._wait(lambda path=path: self._ask("GET", path)[0] == 200)

    def _wait(self, condition: Any) -> None:
        until = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < until, "the API server did not follow within a minute"
            time.sleep(0.05)

    def _stored(self) -> dict[Key, tuple[str, str]]:
        """The path and the resource version of every object that commands can change."""
        found = {}
        for root in ("/api/v1", *self._roots()):
            group = root.split("/")[2] if root != "/api/v1" else ""
            for each in self._ask("GET", root)[1].get("resources", ()):
                if "/" in each["name"] or not {"list", "delete"} <= set(each["verbs"]) or each["kind"] == "Event":
                    continue
                for item in self._ask("GET", f"{root}/{each['name']}")[1].get("items", ()):
                    metadata = item["metadata"]
                    namespace = metadata.get("namespace", "")
                    place = f"/namespaces/{namespace}" if namespace else ""
                    key = (group, each["kind"], namespace, metadata["name"])
                    found[key] = f"{root}{place}/{each['name']}/{metadata['name']}", str(metadata["resourceVersion"])
        return found

    def _roots(self) -> Iterator[str]:
        custom = {each["spec"]["group"] for each in self._definitions.values()}
        for group in self._ask("GET", "/apis")[1]["groups"]:
            if group["name"] in _RESTORED or group["name"] in custom:
                yield from (f"/apis/{each['groupVersion']}" for each in group["versions"])

    def _collection(self, who: Identity) -> str:
        version, _, namespace, _ = who
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        plural = resource_of({"apiVersion": version, "kind": who[1], "metadata": {}}).partition(".")[0]
        return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"

    def _path(self, who: Identity) -> str:
        return f"{self._collection(who)}/{who[3]}"

    def _ask(self, verb: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": kind}
        data = orjson.dumps(body) if body is not None else None
        answer = self.server.http.request(verb, self.server.url + path, body=data, headers=headers, retries=False)
        return answer.status, orjson.loads(answer.data) if answer.data[:1] == b"{" else {
            "message": answer.data.decode()
        }


def _read(folder: Path) -> Iterator[Manifest]:
    for path in sorted(folder.glob("*.yaml")):
        yield from (each for each in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader) if each)


def _key(who: Identity) -> Key:
    group, slash, _ = who[0].partition("/")
    return (group if slash else "", *who[1:])


def _order(who: Identity) -> tuple[int, Identity]:
    return _ORDER.get(who[1], 5), who


def _prepared(manifest: Manifest) -> Manifest:
    """The object as it is created, with `_DELETING` if it was being deleted."""
    made = completed(manifest)
    if "deletionTimestamp" in manifest["metadata"] and (
        made["kind"] == "Namespace" or made["metadata"].get("finalizers")
    ):
        made[_DELETING] = True
    return made


def _with_others(cluster: Cluster) -> Iterator[Manifest]:
    yield from cluster.objects
    namespaces = {each["metadata"]["name"] for each in cluster.objects if each["kind"] == "Namespace"} | _SYSTEM
    for name in {each["metadata"].get("namespace", "default") for each in cluster.objects} - namespaces:
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    for each in _OTHERS:
        if each["kind"] != _DEFINITION and each["metadata"].get("namespace", "default") in namespaces:
            yield each
