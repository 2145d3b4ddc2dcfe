"""The identity in Azure that all clusters of one process share."""

from collections.abc import Mapping
from concurrent.futures import Future
from threading import Lock
from time import time
from typing import Any

from checks.sources.background import BackgroundThreads
from checks.sources.client_errors import result_or_error
from checks.sources.libraries import azure_library

AZURE_CONNECT_SECONDS = 5.0
AZURE_READ_SECONDS = 20.0
SIGN_IN_SECONDS = 60.0
"""The longest sign-in; the next token begins another one.

DefaultAzureCredential tries several, each with its own time-outs.
"""
_EARLY = 300
"""Seconds before its expiry that a token is renewed."""

_Request = tuple[tuple[str, ...], tuple[tuple[str, Any], ...]]


class AzureIdentity:
    """DefaultAzureCredential, opened at the first token.

    Threads that need the same token at the same time share one sign-in, also a failed one. The object is a credential for
    the Azure libraries (`azure.core.credentials.SupportsTokenInfo`).
    """

    def __init__(self, longest: float = SIGN_IN_SECONDS) -> None:
        """`longest` is the longest sign-in in seconds."""
        self._longest = longest
        self._lock = Lock()
        self._credential: Any = None
        self._under_way: dict[_Request, Future[Any]] = {}
        self._tokens: dict[str, tuple[str, float]] = {}

    def get_token_info(self, *scopes: str, options: Mapping[str, Any] | None = None) -> Any:
        """A token, cached as the kind of sign-in allows. Raises AzureError."""
        request = (scopes, tuple(sorted((options or {}).items())))
        with self._lock:
            credential = self._opened()
            found = self._under_way.get(request)
            if found is None:
                threads = BackgroundThreads(1, "sign-in")
                found = self._under_way[request] = threads.submit(
                    result_or_error, lambda: credential.get_token_info(*scopes, options=dict(options or {}))
                )
        try:
            result = found.result(self._longest)
        except TimeoutError:
            result = azure_library().exceptions.ServiceResponseTimeoutError("The sign-in to Azure timed out")
        finally:
            with self._lock:
                if self._under_way.get(request) is found:
                    del self._under_way[request]
        if isinstance(result, Exception):
            raise result
        return result

    def token(self, scope: str) -> str:
        """A token that is valid for five minutes at least; kept until then. Raises AzureError."""
        token, ends = self._tokens.get(scope, ("", 0.0))
        if ends - _EARLY < time():
            found = self.get_token_info(scope)
            token, ends = self._tokens[scope] = (str(found.token), float(found.expires_on))
        return token

    def close(self) -> None:
        """Close the connections and discard the tokens; the next token opens them again."""
        with self._lock:
            credential, self._credential, self._tokens = self._credential, None, {}
        if credential is not None:
            credential.close()

    def _opened(self) -> Any:
        if self._credential is None:
            self._credential = azure_library().DefaultAzureCredential(
                retry_total=1,
                # A throttled sign-in fails at once: the pause of Retry-After has no limit, and other reads wait for the
                # token.
                retry_status=0,
                connection_timeout=AZURE_CONNECT_SECONDS,
                read_timeout=AZURE_READ_SECONDS,
            )
        return self._credential
