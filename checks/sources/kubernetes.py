"""Reads of a live API server through the official client.

Pages of raw objects, and a gap for each failed read.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from time import sleep
from typing import Any, Protocol
from urllib.parse import quote

from urllib3.exceptions import HTTPError

from checks.facts.fact import Listed, PodName
from checks.facts.kubernetes_kinds import kind_name
from checks.model.raw_values import number, text
from checks.sources.expected_answers import kubernetes_object, list_items, log_lines, server_version
from checks.sources.libraries import kubernetes_library
from checks.sources.reduction import Json, reduced, secret_from_metadata, share_texts
from checks.sources.replies import Failure, body_pieces, json_object, refused, seconds_left, tls_failure, unanswered
from checks.sources.source import Answer, NotInstalled, Objects

PAGE = 500
"""Objects per page, as in kubectl."""
CONNECT_SECONDS = 4.0
READ_SECONDS = 20.0
MAX_BODY = 128 * 1024 * 1024
MAX_LOG = 8 * 1024 * 1024
_MANY = 100
"""From this number of objects on a page on, their equal texts are kept once."""
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_TRIES = 3


class Access(Protocol):
    """The connection to an API server, with its credentials."""

    def client(self, deadline: float) -> Any:
        """The official ApiClient, opened at the first read.

        Raises Failure if there are no credentials.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class KubernetesReader:
    """The Kubernetes part of a live source.

    A list of more than `max_list` bytes, on all pages together, is not read further.

    Safe to use from several threads; connections are kept between runs.
    """

    def __init__(self, access: Access, max_list: int = MAX_BODY) -> None:
        self.access = access
        self.max_list = max_list

    def list_objects(self, what: Listed, deadline: float) -> Answer:
        """All objects of a kind, in the first of its versions that the API server serves."""
        try:
            for version in what.versions:
                try:
                    return Objects(tuple(self._listed(what, version, deadline)))
                except Failure as failure:
                    if failure.status != 404:
                        raise
            return NotInstalled()
        except Failure as failure:
            return failure.gap("kubernetes", "list", what.resource)

    def first_objects(self, what: Listed, most: int, deadline: float) -> tuple[Json, ...]:
        """The first objects of a kind, at most `most`. Raises Failure."""
        return tuple(islice(self._pages(what, what.versions[0], deadline, most), most))

    def pod_log(self, pod: PodName, container: str, tail: int, deadline: float) -> Answer:
        """The newest lines of a container; none if it waits to start."""
        path = f"/api/v1/namespaces/{quote(pod.namespace, safe='')}/pods/{quote(pod.name, safe='')}/log"
        try:
            body = self._get(path, {"container": container, "tailLines": str(tail)}, deadline, newest=MAX_LOG)
        except Failure as failure:
            if failure.status != 400 or "waiting to start" not in failure.message:
                return replace(failure.gap("logs", "get", "pods/log"), namespace=pod.namespace, name=pod.name)
            body = b""
        lines = "\n".join(body.decode("utf-8", "replace").splitlines()[-tail:])
        return Objects(({"namespace": pod.namespace, "pod": pod.name, "container": container, "text": lines},))

    def pod_page(self, pod: PodName, port: int, path: str, query: dict[str, str], most: int, deadline: float) -> bytes:
        """A page that a pod serves, through the API server's proxy of pods; at most `most` bytes.

        Raises Failure.
        """
        name = f"{quote(pod.name, safe='')}:{port}"
        where = f"/api/v1/namespaces/{quote(pod.namespace, safe='')}/pods/{name}/proxy{path}"
        return self._get(where, query, deadline, "text/plain", most=most)

    def server_version(self, deadline: float) -> Answer:
        """The version that the API server reports."""
        try:
            return Objects((server_version(json_object(self._get("/version", {}, deadline))),))
        except Failure as failure:
            return failure.gap("kubernetes", "get", "version")

    def close(self) -> None:
        """Close the connections."""
        self.access.close()

    def _listed(self, what: Listed, version: str, deadline: float) -> list[Json]:
        if what.namespace and what.resource == "namespaces":
            return self._one_namespace(what, version, deadline)
        try:
            return list(self._pages(what, version, deadline))
        except Failure as failure:
            if failure.status != 410:
                raise
        # The continue token expired while the list was being read: read it again from its beginning.
        return list(self._pages(what, version, deadline))

    def _one_namespace(self, what: Listed, version: str, deadline: float) -> list[Json]:
        """The namespace of this name, none if it does not exist.

        A Role of the namespace itself can grant this read; no Role can grant the list of namespaces.
        """
        try:
            found = json_object(self._get(f"/api/{version}/namespaces/{quote(what.namespace, safe='')}", {}, deadline))
        except Failure as failure:
            if failure.status != 404:
                raise
            return []
        return [_stamped(kubernetes_object(found, what, version), what, version)]

    def _pages(self, what: Listed, version: str, deadline: float, at_once: int = PAGE) -> Iterator[Json]:
        where = f"namespaces/{what.namespace}/" if what.namespace else ""
        path = (
            f"/apis/{what.group}/{version}/{where}{what.plural}"
            if what.group
            else f"/api/{version}/{where}{what.plural}"
        )
        api_version = f"{what.group}/{version}" if what.group else version
        query, size, firsts = {"limit": str(at_once)}, 0, set[str]()
        while True:
            body = self._get(path, query, deadline, _METADATA if what.metadata_only else "application/json")
            size += len(body)
            if size > self.max_list:
                raise Failure(502, f"the list has more than {_mib(self.max_list)}")
            page = json_object(body)
            items = list_items(page, what, api_version)
            first = _identity(items[0]) if items else ""
            if first and first in firsts:
                # Each object is on one page of a list.
                raise Failure(502, "the API server repeats a page of the list")
            firsts.add(first)
            for item in items:
                found = _stamped(item, what, api_version)
                if len(items) >= _MANY:
                    share_texts(found)
                yield found
            token = text(page, "metadata", "continue")
            if not token:
                left = number(page, "metadata", "remainingItemCount") or 0
                if left > 0:
                    raise Failure(502, f"the list ends without its last {left} objects")
                return
            query = {"limit": str(at_once), "continue": str(token)}

    def _get(
        self,
        path: str,
        query: dict[str, str],
        deadline: float,
        accept: str = "application/json",
        newest: int = 0,
        most: int = MAX_BODY,
    ) -> bytes:
        """The body of a GET. Raises Failure.

        A request is repeated if the server sends Retry-After, and once if the connection was closed: a load balancer may
        have dropped an idle connection.
        """
        client = self.access.client(deadline)
        for attempt in range(1, _TRIES + 1):
            try:
                return _request(client, path, query, deadline, accept, newest, most)
            except Failure as failure:
                pause = failure.retry_after if failure.status in (429, 503) else None
                if failure.status == 0 and "closed the connection" in failure.message and attempt == 1:
                    pause = 0.0
                if pause is None or attempt == _TRIES or pause >= min(5.0, seconds_left(deadline)):
                    raise
            sleep(pause)
        raise AssertionError("the last attempt returns or raises")


def _identity(item: Any) -> str:
    about = item.get("metadata") if isinstance(item, dict) else None
    return f"{about.get('namespace', '')}/{about['name']}" if isinstance(about, dict) and "name" in about else ""


def _mib(size: int) -> str:
    return f"{size // 1024 // 1024} MiB"


def _stamped(item: Json, what: Listed, api_version: str) -> Json:
    """The item with its kind and apiVersion.

    Items of lists have neither, and partial metadata has those of its own.
    """
    if what.metadata_only:
        item = secret_from_metadata(item)
    if what.metadata_only or not item.get("kind"):
        item = {"apiVersion": api_version, **item, "kind": kind_name(what.resource)}
        item["apiVersion"] = api_version
    return reduced(item)


def _request(
    client: Any, path: str, query: dict[str, str], deadline: float, accept: str, newest: int, most: int
) -> bytes:
    left = seconds_left(deadline)
    server = client.configuration.host
    try:
        call = client.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": accept},
            auth_settings=["BearerToken"],
        )
        # Half of the remaining time for each of two attempts to connect.
        response = client.call_api(
            *call, _request_timeout=(min(CONNECT_SECONDS, left / 2), min(READ_SECONDS, left))
        ).response
        with closing(response):  # no effect after a complete read, which returns the connection to the pool
            body = _body(response, deadline, newest, most)
    except kubernetes_library().ApiException as error:
        raise tls_failure(server, str(error.reason)) from None
    except (HTTPError, OSError) as error:
        raise unanswered(error, server) from None
    if not 200 <= response.status <= 299:
        raise refused(response.status, response.reason or "", body, response.headers.get("Retry-After"))
    return log_lines(body, response.headers.get("Content-Type") or "") if newest else body


def _body(response: Any, deadline: float, newest: int, most: int) -> bytes:
    """The body, read in pieces so that a slow server cannot exceed the deadline.

    The newest part of a log is kept.
    """
    found = bytearray()
    for piece in body_pieces(response, deadline):
        found += piece
        if newest and len(found) > 2 * newest:
            del found[:-newest]
        elif not newest and len(found) > most:
            raise Failure(502, f"the answer has more than {_mib(most)}")
    return bytes(found[-newest:]) if newest else bytes(found)
