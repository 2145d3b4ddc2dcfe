"""The requests of active steps to one API server.

Named objects, short lists, bounded logs and the changes themselves.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any
from urllib.parse import quote

from urllib3.exceptions import HTTPError

from checks.actions.plan import ApiCall
from checks.model.raw_values import Raw, items
from checks.sources.kubernetes import CONNECT_SECONDS, READ_SECONDS, Access
from checks.sources.libraries import kubernetes_library
from checks.sources.replies import Failure, json_object, refused, seconds_left, tls_message, unanswered, whole_body

MAX_ACTION_LOG = 64 * 1024
"""Bytes of a probe's log that are read: an honest one has less than 1 KiB."""
_MAX_ANSWER = 16 * 1024 * 1024


class ActionApi:
    """Requests with the credentials of a cluster's entry. Every method may raise Failure.

    A change is never repeated here: the caller finds out first what became of it.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    def change(self, call: ApiCall, deadline: float) -> Raw:
        """Send a change and return the object of the answer."""
        return json_object(self._ask(call.method, call.path, {}, deadline, call.body, call.content_type))

    def get(self, path: str, deadline: float) -> Raw:
        """One object."""
        return json_object(self._ask("GET", path, {}, deadline))

    def list(self, path: str, query: Mapping[str, str], deadline: float) -> tuple[Raw, ...]:
        """The objects of a short list."""
        return items(json_object(self._ask("GET", path, query, deadline)), "items")

    def log(self, namespace: str, pod: str, container: str, deadline: float) -> tuple[str, bool]:
        """The beginning of a container's log, and whether it is longer than what is read."""
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/log"
        query = {"container": container, "limitBytes": str(MAX_ACTION_LOG)}
        body = self._ask("GET", path, query, deadline, most=MAX_ACTION_LOG)
        return body.decode("utf-8", "replace"), len(body) >= MAX_ACTION_LOG

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        deadline: float,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        most: int = _MAX_ANSWER,
    ) -> bytes:
        client = self._access.client(deadline)
        server = client.configuration.host
        left = seconds_left(deadline)
        headers = {"Accept": "application/json, */*", "Content-Type": content_type}
        try:
            call = client.param_serialize(
                method,
                path,
                query_params=list(query.items()),
                header_params=headers,
                body=None if body is None else dict(body),
                auth_settings=["BearerToken"],
            )
            response = client.call_api(
                *call, _request_timeout=(min(CONNECT_SECONDS, left / 2), min(READ_SECONDS, left))
            ).response
            with closing(response):
                content = whole_body(response, deadline, most)
        except kubernetes_library().ApiException as error:
            raise Failure(0, f"TLS with {server} failed: {tls_message(str(error.reason))}") from None
        except (HTTPError, OSError) as error:
            raise unanswered(error, server) from None
        if not 200 <= response.status <= 299:
            raise refused(response.status, response.reason or "", content, response.headers.get("Retry-After"))
        return content
