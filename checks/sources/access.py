"""Connections to an API server, never anonymous.

They are made by kubeconfig, from inside the cluster, or with credentials from Azure.
"""

import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from threading import Lock, Thread, get_ident
from time import monotonic
from typing import Any

from urllib3.exceptions import InsecureRequestWarning
from urllib3.util.retry import Retry

from checks.facts.fact import Credentials
from checks.sources.azure import AzureAccount, cluster_login, is_local_account
from checks.sources.background import BackgroundThreads
from checks.sources.client_errors import result_or_error
from checks.sources.kubeconfig import Kubeconfig
from checks.sources.libraries import kubernetes_library
from checks.sources.replies import Failure, seconds_left, shortened
from checks.sources.source import TOO_LATE, SourceError

CONNECTIONS = 32
_LOGIN_SECONDS = 30.0
_FAILURE_SECONDS = 5.0


class LazyAccess:
    """Opens a client at the first read; other threads wait for it until their deadline."""

    def __init__(self, load: Callable[[Any, float], None], credentials: Credentials) -> None:
        """Take the function that fills the official client's configuration.

        `load(configuration, deadline)` raises Failure if it cannot obtain these credentials.
        """
        self._load = load
        self._credentials = credentials
        self._lock = Lock()
        self._client: Any = None
        self._failed: tuple[Failure, float] | None = None

    def client(self, deadline: float) -> Any:
        """The official ApiClient. Raises Failure, which names the credentials, if there are none."""
        try:
            return self._opened_before(deadline)
        except Failure as failure:
            if failure.message == TOO_LATE:
                raise
            # No request was sent: the failure is not one of the API server.
            raise failure.without(self._credentials) from None

    def _opened_before(self, deadline: float) -> Any:
        if self._client is None:
            if not self._lock.acquire(timeout=seconds_left(deadline)):
                raise Failure(504, "no credentials before the run's deadline")
            try:
                if self._client is None:
                    self._client = self._opened_once(deadline)
            finally:
                self._lock.release()
        return self._client

    def close(self) -> None:
        """Close the connections; the next read opens them again."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _opened_once(self, deadline: float) -> Any:
        """Open the client, or repeat a recent failure.

        Thirty parallel reads must not each wait for it.
        """
        if self._failed is not None and monotonic() - self._failed[1] < _FAILURE_SECONDS:
            raise self._failed[0]
        self._failed = None
        try:
            return self._opened(deadline)
        except Failure as failure:
            self._failed = (failure, monotonic())
            raise

    def _opened(self, deadline: float) -> Any:
        library = kubernetes_library()
        configuration = library.Configuration()
        self._load(configuration, deadline)
        if "BearerToken" not in configuration.api_key and not configuration.cert_file:
            raise Failure(401, "no credentials for the API server; anonymous requests are not sent")
        _strip_tokens(configuration)
        if (renew := configuration.refresh_api_key_hook) is not None:

            def renew_stripped(renewed: Any) -> None:
                renew(renewed)
                _strip_tokens(renewed)

            configuration.refresh_api_key_hook = renew_stripped
        if not configuration.verify_ssl:
            # The library would repeat its warning for every connection; who opened the source says it once.
            warnings.filterwarnings("ignore", category=InsecureRequestWarning)
        # The connection pool does not retry reads: a server that hangs would multiply the time-out.
        configuration.retries = Retry(total=None, connect=1, read=0, redirect=0, status=0, other=0)
        configuration.connection_pool_maxsize = CONNECTIONS
        configuration.keep_alive = True
        return library.ApiClient(configuration)


def _strip_tokens(configuration: Any) -> None:
    """Remove the line break at the end of a token's file, which no header may contain."""
    configuration.api_key = {name: str(value).strip() for name, value in configuration.api_key.items()}


def kubeconfig_access(kubeconfig: str | Path, context: str | None) -> LazyAccess:
    """The cluster of a kubeconfig's context.

    Several files are separated by `:`, as in `$KUBECONFIG`. Raises SourceError if the file itself is unusable.
    """
    read = Kubeconfig(str(kubeconfig))
    read.check_user(read.context(context))
    path = os.pathsep.join(map(str, read.files))

    def load(configuration: Any, deadline: float) -> None:
        reported = _Reported()

        def log_in() -> None:
            with reported:
                kubernetes_library().load_kube_config(path, context, configuration, persist_config=False)

        _bounded(log_in, f"kubeconfig {path}", min(_LOGIN_SECONDS, seconds_left(deadline)))
        if "BearerToken" not in configuration.api_key and not configuration.cert_file:
            # If a plugin fails, the client library only logs it and sends anonymous requests.
            reason = f": {reported.errors[0]}" if reported.errors else "; run its command to see the reason"
            raise Failure(401, f"kubeconfig {path}: its plugin returned no token{reason}")

    return LazyAccess(load, Credentials.KUBECONFIG)


def in_cluster_access() -> LazyAccess:
    """The cluster that this process runs in, with the pod's service account.

    Raises SourceError outside a cluster.
    """
    library = kubernetes_library()
    try:
        library.load_incluster_config(client_configuration=library.Configuration())
    except library.ConfigException as error:
        raise SourceError(
            f"kubeconfig: in-cluster: this process does not run in a pod with a service account ({error})"
        ) from None

    def load(configuration: Any, deadline: float) -> None:
        del deadline
        library.load_incluster_config(client_configuration=configuration)

    return LazyAccess(load, Credentials.KUBECONFIG)


def aks_access(account: AzureAccount, resource_group: str, name: str, *, allow_certificate: bool) -> LazyAccess:
    """An AKS cluster with the address from Azure and an Entra token.

    The token is renewed before it expires.

    The cluster-admin certificate of a cluster without Entra integration is used only if the configuration allows it.
    """

    def load(configuration: Any, deadline: float) -> None:
        # The token and the cluster's address are independent of each other; `renew` raises if there is no token.
        BackgroundThreads(1, "token").submit(account.kubernetes_token)
        config, server, ca = cluster_login(account, resource_group, name, deadline)
        if is_local_account(config):
            if not allow_certificate:
                raise Failure(
                    0,
                    f"{name} has no Entra integration; the cluster-admin certificate that Azure returns is not used: "
                    "enable Entra on the cluster, or set allow_client_certificate: true in its configuration",
                )
            library = kubernetes_library()
            library.load_kube_config_from_dict(config, client_configuration=configuration, persist_config=False)
            return
        configuration.host, configuration.ca_cert_data = server, ca

        def renew(current: Any) -> None:
            current.api_key["BearerToken"] = f"Bearer {account.kubernetes_token()}"

        renew(configuration)
        configuration.refresh_api_key_hook = renew

    return LazyAccess(load, Credentials.AZURE)


class _Reported(logging.Handler):
    """The errors that the client library logs in this thread within the block."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []
        self._thread = 0

    def __enter__(self) -> None:
        self._thread = get_ident()
        logging.getLogger().addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.errors.append(shortened(record.getMessage()))


def _bounded(act: Callable[[], None], what: str, seconds: float) -> None:
    """Run a log-in with a time limit: a plugin may wait for input."""
    failed: list[Exception] = []

    def body() -> None:
        if isinstance(error := result_or_error(act), Exception):
            failed.append(error)

    thread = Thread(target=body, name="log-in", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise Failure(504, f"{what}: logging in took more than {seconds:.0f} s")
    if failed:
        raise Failure(401, f"{what}: {shortened(str(failed[0]) or type(failed[0]).__name__)}")
