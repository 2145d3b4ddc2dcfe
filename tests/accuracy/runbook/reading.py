"""The output of the article's commands, as plain reads of a bundle."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from tests.accuracy.opened import Opened
from tests.accuracy.scoring import Statement, Step

Json = Mapping[str, Any]


class Reading:
    """The reads of a script over one bundle. A read that failed is noted, and returns nothing."""

    def __init__(self, found: Opened) -> None:
        self.answer, self.cluster = found.answer, found.cluster
        self.namespace, _, self.name = found.answer.gateway.rpartition("/")
        self.failed: list[str] = []
        self.waits = False
        if not self.namespace:
            entries = [each["namespace"] for each in self._entries() if each["name"] == self.name]
            self.namespace = entries[0] if entries else ""

    def objects(self, kind: str, group: str, namespace: str | None = "") -> list[Json]:
        """The objects of a kind: in the gateway's namespace, a given one, or (None) everywhere."""
        where = self.namespace if namespace == "" else namespace
        plural = _plural(kind)
        resource = f"{plural}.{group}" if group else plural
        for error in self.cluster.errors:
            matches = error["resource"] in (resource, "*") and error.get("source", "kubernetes") == "kubernetes"
            if matches and error.get("namespace") in (None, where):
                self.failed.append(resource)
                return []
        return [each for each in self._of(kind, group) if where is None or each["metadata"].get("namespace") == where]

    def _of(self, kind: str, group: str) -> Iterator[Json]:
        for each in self.cluster.objects:
            api = each["apiVersion"]
            if each["kind"] == kind and (api.partition("/")[0] if "/" in api else "") == group:
                yield each

    def get(self, kind: str, group: str, name: str, namespace: str | None = "") -> Json | None:
        """One object by its name."""
        return next((each for each in self.objects(kind, group, namespace) if each["metadata"]["name"] == name), None)

    @cached_property
    def managed_cluster(self) -> Json:
        """`az aks show`."""
        return self._azure("managedClusters", self.cluster.managed_cluster)

    @cached_property
    def pools(self) -> list[Json]:
        """`az aks nodepool list`, with the properties of each pool on top."""
        found = self._azure("agentPools", {"value": self.cluster.agent_pools or ()})
        return [{**each, **(each.get("properties") or {})} for each in found.get("value", ())]

    def _azure(self, resource: str, body: Json | None) -> Json:
        for error in self.cluster.errors:
            if error.get("source") == "azure" and error["resource"] in (resource, "*"):
                self.failed.append(resource)
                return {}
        found = body or {}
        return {**found, **(found.get("properties") or {})}

    def _entries(self) -> list[Json]:
        istio = (self.managed_cluster.get("serviceMeshProfile") or {}).get("istio") or {}
        return list((istio.get("components") or {}).get("egressGateways") or ())

    @property
    def revisions(self) -> list[str]:
        """The revisions of the add-on."""
        istio = (self.managed_cluster.get("serviceMeshProfile") or {}).get("istio") or {}
        return list(istio.get("revisions") or ())

    @property
    def entry(self) -> Json | None:
        """The gateway's entry in the mesh profile."""
        named = [each for each in self._entries() if (each["namespace"], each["name"]) == (self.namespace, self.name)]
        return named[0] if named else None

    @property
    def gateway_pods(self) -> list[Json]:
        """The pods of the gateway's Deployments, by the names that the article gives them."""
        return [each for each in self.objects("Pod", "") if self._is_of_gateway(each["metadata"]["name"])]

    def _is_of_gateway(self, pod: str) -> bool:
        return any(pod.startswith(f"{self.name}-{revision}-") for revision in self.revisions)

    def log(self, namespace: str, pod: str, container: str) -> str | None:
        """`kubectl logs`; None if the read failed or nothing was recorded."""
        if any(each["resource"] == "pods/log" for each in self.cluster.errors):
            self.failed.append("pods/log")
            return None
        return self.cluster.logs.get(f"{namespace}/{pod}/{container}")

    def minutes_since(self, time: str | None) -> float:
        """The minutes from a time to the recording."""
        if not time:
            return 1e9
        return (_moment(self.cluster.captured_at) - _moment(time)).total_seconds() / 60


def stated(slug: str, objects: list[str], text: str, *advice: str) -> Statement:
    """A decision of the article with its advice."""
    return Statement((slug,), tuple(objects), text, tuple(Step(each) for each in advice))


def label(found: Json) -> str:
    """`KIND namespace/name`."""
    meta = found["metadata"]
    namespace = meta.get("namespace")
    return f"{found['kind']} {namespace}/{meta['name']}" if namespace else f"{found['kind']} {meta['name']}"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _plural(kind: str) -> str:
    word = kind.lower()
    if word.endswith("y") and not word.endswith("ay"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith("s") else "s")
