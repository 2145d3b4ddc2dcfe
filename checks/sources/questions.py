"""Doctor's requests to an API server and to Azure.

They read the permissions of this identity and the server's time.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
from urllib3.exceptions import HTTPError

from checks.model.raw_values import flag, text
from checks.sources.azure import AzureAccount
from checks.sources.kubernetes import CONNECT_SECONDS, READ_SECONDS, Access
from checks.sources.libraries import kubernetes_library
from checks.sources.replies import Failure, refused, seconds_left, tls_failure, unanswered, whole_body

_LARGEST = 1024 * 1024
"""Bytes of an answer that are read: those of these requests have a few hundred."""
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class DatedAnswer:
    """The JSON of an answer, and the time in its Date header; None without one."""

    body: Mapping[str, Any]
    at: datetime | None


class ApiServerQuestions:
    """Requests to one API server. Every method may raise Failure."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def version(self, deadline: float) -> DatedAnswer:
        """`GET /version`."""
        return self._ask("GET", "/version", None, deadline)

    def allowed(self, group: str, resource: str, verb: str, deadline: float, namespace: str = "") -> bool:
        """Whether this identity has the permission in the namespace; "" is every namespace.

        A SelfSubjectAccessReview, which needs no permission.
        """
        name, _, part = resource.partition("/")
        wanted = {"group": group, "resource": name, "subresource": part, "verb": verb}
        if namespace:
            wanted["namespace"] = namespace
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": wanted},
        }
        return flag(self._ask("POST", REVIEWS, review, deadline).body, "status", "allowed") is True

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None, deadline: float) -> DatedAnswer:
        client = self._access.client(deadline)
        server = client.configuration.host
        left = seconds_left(deadline)
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            call = client.param_serialize(method, path, header_params=headers, body=body, auth_settings=["BearerToken"])
            response = client.call_api(
                *call, _request_timeout=(min(CONNECT_SECONDS, left / 2), min(READ_SECONDS, left))
            ).response
            with closing(response):
                content = whole_body(response, deadline, _LARGEST)
        except kubernetes_library().ApiException as error:
            raise tls_failure(server, str(error.reason)) from None
        except (HTTPError, OSError) as error:
            raise unanswered(error, server) from None
        if not 200 <= response.status <= 299:
            raise refused(response.status, response.reason or "", content, None)
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError:
            raise Failure(502, f"{server} is not an API server: its answer is not JSON") from None
        return DatedAnswer(found if isinstance(found, dict) else {}, http_date(response.headers.get("Date", "")))


class AzureQuestions:
    """Requests to Azure for one cluster. Every method may raise Failure."""

    def __init__(self, account: AzureAccount, resource_group: str, name: str) -> None:
        self._account = account
        self._where = (resource_group, name)

    def cluster(self, deadline: float) -> DatedAnswer:
        """The managed cluster."""
        dates: list[str] = []

        def note(answer: Any) -> None:
            dates.append(str(answer.http_response.headers.get("Date", "")))

        def ask(client: Any, limits: Mapping[str, Any]) -> Mapping[str, Any]:
            found: Mapping[str, Any] = client.managed_clusters.get(
                *self._where, raw_response_hook=note, **limits
            ).as_dict()
            return found

        found = self._account.call(deadline, ask)
        return DatedAnswer(found, http_date(dates[-1] if dates else ""))

    def login(self, deadline: float) -> None:
        """Call `listClusterUserCredential`; the credentials that it returns are discarded."""
        self._account.call(
            deadline,
            lambda client, limits: client.managed_clusters.list_cluster_user_credentials(*self._where, **limits),
        )


def http_date(header: str) -> datetime | None:
    """The time in a Date header; None if it cannot be parsed."""
    try:
        return parsedate_to_datetime(header)
    except ValueError:
        return None


def server_of(answer: DatedAnswer) -> str:
    """The version of the API server."""
    return text(answer.body, "gitVersion")
