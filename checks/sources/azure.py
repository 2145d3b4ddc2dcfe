"""Reads of Azure through its own libraries.

The managed cluster, node pools, network resources and cluster credentials are read.

The identity is that of DefaultAzureCredential (its environment variables, the machine's identity); the cloud is that of
the Azure libraries' settings (AZURE_AUTHORITY_HOST, AZURE_SDK_CLOUD_CONF).
"""

import re
from collections.abc import Callable, Mapping
from json import JSONDecodeError
from threading import Lock
from typing import Any, TypeVar

from checks.facts.barrier import Barrier
from checks.facts.fact import AzureCall, Credentials, Gap
from checks.knowledge.azure_sign_in import is_absent, without_identity
from checks.model.documents import BadDocument, Budget, parse_yaml
from checks.model.raw_values import items, text
from checks.sources.arm_requests import arm_request
from checks.sources.azure_identity import AZURE_CONNECT_SECONDS, AZURE_READ_SECONDS, AzureIdentity
from checks.sources.expected_answers import (
    managed_cluster,
    node_pool_page,
)
from checks.sources.libraries import azure_library
from checks.sources.replies import PROXY_ANSWER, Failure, seconds_left, shortened
from checks.sources.source import Answer, NotCovered, Objects
from checks.sources.time_limits import in_time

AKS_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
"""The AKS Entra server application, the same in every cloud.

Source: docs/domain/azure.md#api-server-authentication.
"""
_MOST_PAGES = 100
_RETRIES = 2
_ATTEMPT = re.compile(r"\w+Credential: ")
_REPEATED_NAME = re.compile(r"\b(\w+Credential): \1\b")
_ENTRA_CODE = re.compile(r"^\w+Credential: (?:ERROR: )?(AADSTS\d+:)")
"""The name before an error code of Entra, which redaction would take for a secret."""
_REQUEST = re.compile(r"\s*(?:Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)

_T = TypeVar("_T")


class AzureAccount:
    """One subscription, read with one identity; the libraries are loaded at the first read.

    `identity` is shared with other subscriptions; without one, the account opens its own and closes it.

    Safe to use from several threads; connections and tokens are kept between runs.
    """

    def __init__(self, subscription_id: str, identity: AzureIdentity | None = None) -> None:
        self.subscription_id = subscription_id
        self._own_identity = identity is None
        self._identity = identity or AzureIdentity()
        self._lock = Lock()
        self._client: Any = None

    def call(self, deadline: float, ask: Callable[[Any, Mapping[str, Any]], _T]) -> _T:
        """The result of `ask(client, limits)`. Raises Failure."""
        library = azure_library()
        try:
            client = self._opened()
            left = seconds_left(deadline)
            limits = {
                "retry_total": _RETRIES,
                "retry_backoff_factor": 0.3,
                "timeout": left,
                "connection_timeout": min(AZURE_CONNECT_SECONDS, left),
                "read_timeout": min(AZURE_READ_SECONDS, left),
            }
            return in_time(lambda: ask(client, limits), deadline, "azure", _late())
        except library.AzureError as error:
            raise failure_of(error) from None
        except (JSONDecodeError, library.exceptions.DeserializationError):
            raise Failure(502, "Azure's answer is not JSON") from None
        except (OSError, ValueError) as error:
            # For example a federated token file that is not mounted, or an unknown cloud name.
            raise Failure(401, f"no request to Azure is possible: {error}") from None

    def kubernetes_token(self) -> str:
        """A fresh Entra token for an AKS API server. Raises Failure."""
        return self.token(AKS_SCOPE)

    def token(self, scope: str) -> str:
        """A fresh Entra token for a scope. Raises Failure."""
        library = azure_library()
        try:
            return self._identity.token(scope)
        except library.AzureError as error:
            raise failure_of(error).without(Credentials.AZURE) from None

    def close(self) -> None:
        """Close the connections; the next read opens them again."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
        if self._own_identity:
            self._identity.close()

    def _opened(self) -> Any:
        library = azure_library()
        with self._lock:
            if self._client is None:
                self._client = library.ContainerServiceClient(
                    self._identity, self.subscription_id, retry_policy=library.BoundedRetryPolicy()
                )
            return self._client


class AzureReader:
    """The Azure part of a live source."""

    def __init__(self, account: AzureAccount, resource_group: str, name: str) -> None:
        self.account = account
        self.resource_group = resource_group
        self.name = name

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        """The managed cluster or its node pools, as the REST API returns them."""

        def cluster(client: Any, limits: Mapping[str, Any]) -> tuple[Any, ...]:
            found = client.managed_clusters.get(self.resource_group, self.name, **limits)
            return (managed_cluster(found.as_dict() if found is not None else None),)

        def pools(client: Any, limits: Mapping[str, Any]) -> tuple[Any, ...]:
            found: list[Any] = []
            listed = client.agent_pools.list(self.resource_group, self.name, raw_response_hook=node_pool_page, **limits)
            for number, page in enumerate(listed.by_page()):
                if number >= _MOST_PAGES:
                    raise Failure(502, f"Azure's list has more than {_MOST_PAGES} pages")
                found += (pool.as_dict() for pool in page)
                seconds_left(deadline)
            return tuple(found)

        single = what.resource == "managedClusters"
        try:
            return Objects(self.account.call(deadline, cluster if single else pools))
        except Failure as failure:
            return failure.gap("azure", "get" if single else "list", what.resource)

    def arm(self, resource_id: str, deadline: float) -> Answer:
        """One resource by its ID, or a list.

        Lists are those of the network interfaces of a machine in a scale set, and of role assignments.
        """
        asked = arm_request(resource_id)
        if asked is None or "/.." in resource_id:
            # IDs come from objects in the cluster: only a plain ID may become part of a request.
            return Gap("azure", "get", resource_id, 400, "is not the ID of a network resource")

        def ask(client: Any, limits: Mapping[str, Any]) -> tuple[Any, ...]:
            request = azure_library().HttpRequest("GET", asked.path, params=asked.parameters)
            response = client.send_request(request, **limits)
            response.raise_for_status()
            return asked.answer(response.json())

        try:
            return Objects(self.account.call(deadline, ask))
        except Failure as failure:
            if failure.status == 404 and "/roleassignments" in asked.path.lower():
                # The scope does not exist, which the read of the scope itself reports.
                return NotCovered()
            return failure.gap("azure", asked.verb, resource_id)


def cluster_login(
    account: AzureAccount, resource_group: str, name: str, deadline: float
) -> tuple[Mapping[str, Any], str, str]:
    """The credentials of an AKS cluster: (kubeconfig, server, CA in PEM). Raises Failure."""
    import base64

    def ask(client: Any, limits: Mapping[str, Any]) -> bytes:
        answer = client.managed_clusters.list_cluster_user_credentials(resource_group, name, **limits)
        found = (answer.kubeconfigs or [None])[0]
        return bytes(found.value or b"") if found is not None else b""

    try:
        written = account.call(deadline, ask)
    except Failure as failure:
        message = f"no cluster credentials from Azure, listClusterUserCredential: {failure.status} {failure}"
        raise Failure(failure.status, message, credentials=Credentials.AZURE) from None
    try:
        config = next(parse_yaml(written.decode("utf-8"), Budget(100_000)), None)
        cluster = (items(config, "clusters") or ({},))[0]
        ca = base64.b64decode(text(cluster, "cluster", "certificate-authority-data")).decode("ascii")
    except (BadDocument, ValueError):
        raise Failure(502, f"Azure's kubeconfig of {name} cannot be read") from None
    server = text(cluster, "cluster", "server")
    if not isinstance(config, Mapping) or not server.startswith("https://") or not ca:
        raise Failure(502, f"Azure's kubeconfig of {name} names no server with a certificate authority")
    return config, server, ca


def is_local_account(config: Mapping[str, Any]) -> bool:
    """Whether a kubeconfig contains cluster-admin credentials.

    It does for a cluster without Entra integration.
    """
    user = (items(config, "users") or ({},))[0]
    return any(text(user, "user", key) for key in ("client-certificate-data", "token"))


def failure_of(error: Exception) -> Failure:
    """An error of the Azure libraries as a failed read."""
    exceptions = azure_library().exceptions
    message = str(getattr(error, "message", "") or error).strip()
    match error:
        case exceptions.ClientAuthenticationError():
            return Failure(401, _first_line(message))
        case exceptions.DecodeError():
            return Failure(502, "Azure's answer is not JSON")
        case exceptions.HttpResponseError(status_code=int(status)):
            code = getattr(getattr(error, "error", None), "code", None)
            detail = getattr(getattr(error, "error", None), "message", None) or _first_line(message)
            return Failure(status, f"{code}: {detail}" if code else detail)
        case exceptions.ServiceRequestTimeoutError() | exceptions.ServiceResponseTimeoutError():
            return _late()
        case exceptions.ServiceRequestError() | exceptions.ServiceResponseError():
            return _broken(message)
        case _:
            return Failure(0, f"no request to Azure is possible ({type(error).__name__})")


def _late() -> Failure:
    return Failure(504, "Azure does not answer in time", obstacle=Barrier.TIMEOUT)


def _broken(message: str) -> Failure:
    """A broken connection.

    A proxy comes first: its own message is about a tunnel, a name or a connection.
    """
    for mark, meaning, obstacle in (
        ("proxy", "the proxy between here and Azure failed", Barrier.PROXY),
        ("tunnel", "the proxy between here and Azure failed", Barrier.PROXY),
        ("timed out", _late().message, Barrier.TIMEOUT),
        (
            "certificate",
            "TLS with Azure failed: its certificate is not trusted (a proxy in between?)",
            Barrier.TLS,
        ),
        ("ssl", "TLS with Azure failed", Barrier.TLS),
        ("resolve", "Azure's name cannot be resolved", Barrier.DNS),
        ("refused", "the connection to Azure was refused", Barrier.REFUSED),
    ):
        if mark in message.lower():
            detail = f": {found[0]}" if obstacle is Barrier.PROXY and (found := PROXY_ANSWER.search(message)) else ""
            return Failure(504 if obstacle is Barrier.TIMEOUT else 0, meaning + detail, obstacle=obstacle)
    return Failure(0, "the connection to Azure was closed", obstacle=Barrier.CLOSED)


def _first_line(message: str) -> str:
    """The relevant part of a message; of DefaultAzureCredential's attempts, those that failed."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    tried = [line for line in lines if _ATTEMPT.match(line)]
    failed = [line for line in tried if not is_absent(line)]
    if tried and not failed and (message := without_identity("\n".join(tried))):
        return message
    chosen = failed or tried or lines or ["no reason given"]
    # Entra adds IDs and times of the request, which differ each time.
    chosen = [_ENTRA_CODE.sub(r"\1", _REPEATED_NAME.sub(r"\1", line)) for line in chosen]
    return shortened("; ".join(_REQUEST.sub("", line) for line in (chosen if tried else chosen[:1])))
