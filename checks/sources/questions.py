"""What `doctor` asks an API server and Azure beyond facts: what this identity may do, and what their clocks show."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
from urllib3.exceptions import HTTPError

from checks.engine.permissions import Right
from checks.model.raw_values import flag, text
from checks.sources.azure import AzureAccount
from checks.sources.kubernetes import CONNECT_SECONDS, READ_SECONDS, Access
from checks.sources.libraries import kubernetes_library
from checks.sources.replies import Failure, refused, seconds_left, tls_message, unanswered

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer's JSON, and the time that its Date header told; None where it told none."""

    body: Mapping[str, Any]
    at: datetime | None


class ApiServerQuestions:
    """Questions to one API server. Every method may raise Failure."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def version(self, deadline: float) -> Answered:
        """`GET /version`."""
        return self._ask("GET", "/version", None, deadline)

    def allowed(self, right: Right, verb: str, deadline: float) -> bool:
        """Whether this identity has the right in every namespace (SelfSubjectAccessReview: asking needs no right)."""
        resource, _, part = right.resource.partition("/")
        wanted = {"group": right.group, "resource": resource, "subresource": part, "verb": verb}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": wanted},
        }
        return flag(self._ask("POST", REVIEWS, review, deadline).body, "status", "allowed") is True

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None, deadline: float) -> Answered:
        client = self._access.client(deadline)
        server = client.configuration.host
        left = seconds_left(deadline)
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            call = client.param_serialize(method, path, header_params=headers, body=body, auth_settings=["BearerToken"])
            response = client.call_api(
                *call, _request_timeout=(min(CONNECT_SECONDS, left / 2), min(READ_SECONDS, left))
            ).response
            content = response.read()
        except kubernetes_library().ApiException as error:
            raise Failure(0, f"TLS with {server} failed: {tls_message(str(error.reason))}") from None
        except (HTTPError, OSError) as error:
            raise unanswered(error, server) from None
        if not 200 <= response.status <= 299:
            raise refused(response.status, response.reason or "", content, None)
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError:
            raise Failure(502, f"{server} answers, but not as an API server") from None
        return Answered(found if isinstance(found, dict) else {}, http_date(response.headers.get("Date", "")))


class AzureQuestions:
    """Questions to Azure about one cluster. Every method may raise Failure."""

    def __init__(self, account: AzureAccount, resource_group: str, name: str) -> None:
        self._account = account
        self._where = (resource_group, name)

    def cluster(self, deadline: float) -> Answered:
        """The managed cluster."""
        told: list[str] = []

        def note(answer: Any) -> None:
            told.append(str(answer.http_response.headers.get("Date", "")))

        def ask(client: Any, limits: Mapping[str, Any]) -> Mapping[str, Any]:
            found: Mapping[str, Any] = client.managed_clusters.get(
                *self._where, raw_response_hook=note, **limits
            ).as_dict()
            return found

        found = self._account.call(deadline, ask)
        return Answered(found, http_date(told[-1] if told else ""))

    def login(self, deadline: float) -> None:
        """`listClusterUserCredential`: the way to the API server; what it gives is not kept."""
        self._account.call(
            deadline,
            lambda client, limits: client.managed_clusters.list_cluster_user_credentials(*self._where, **limits),
        )


def http_date(header: str) -> datetime | None:
    """A Date header's time; None where there is none that can be read."""
    try:
        return parsedate_to_datetime(header)
    except ValueError:
        return None


def server_of(answer: Answered) -> str:
    """What the API server calls its version."""
    return text(answer.body, "gitVersion")
