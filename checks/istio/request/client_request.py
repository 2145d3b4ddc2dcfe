"""The requests that a run follows, and their clients.

A request has a scheme, a host, a port, and clients whose outcomes cannot differ.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from checks.facts.pods import Pod
from checks.istio.request.wire import Connection, request_layers
from checks.model.requested_host import USUAL_PORTS
from checks.model.value_types import value


@dataclass(frozen=True, slots=True)
class Clients:
    """Clients whose requests have one outcome: `pod` stands for all of them.

    `names` are `namespace` or `namespace/workload`; `expected` is set if no pod runs yet, and `pod` is what would run."""

    names: tuple[str, ...]
    pod: Pod
    pods: tuple[Pod, ...] = ()
    expected: bool = False

    @property
    def namespace(self) -> str:
        return self.pod.namespace

    def __str__(self) -> str:
        shown = ", ".join(self.names[:3])
        return shown + (f" and {len(self.names) - 3} more" if len(self.names) > 3 else "")


def joined_clients(alike: Iterable[Clients]) -> Clients:
    """Several groups whose requests have one outcome as one group.

    The pod of the first one stands for all.
    """
    groups = tuple(alike)
    names = dict.fromkeys(name for each in groups for name in each.names)
    return replace(groups[0], names=tuple(names), pods=tuple(pod for each in groups for pod in each.pods))


ANY_NAME = "any-name"
"""The label that stands for all names of a wildcard."""


def as_written(text: str) -> str:
    """A text with the wildcard in the place of the name that stands for all of its names."""
    return text.replace(f"{ANY_NAME}.", "*.")


@value(frozen=True, slots=True)
class ClientRequest:
    """One kind of request, and the clients that send it.

    The scheme is `http`, `https`, `grpc`, `tls` or `tcp`.
    """

    scheme: str
    host: str
    port: int
    clients: Clients
    path: str = "/"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = field(default=())

    @property
    def is_example(self) -> bool:
        """Whether its host stands for all names of a wildcard.

        Such a host is in no object, and must not be written into one.
        """
        return self.host.startswith(f"{ANY_NAME}.")

    @property
    def authority(self) -> str:
        """The host, with the port unless it is the scheme's usual one."""
        return self.host if USUAL_PORTS.get(self.scheme) == self.port else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """`scheme://host`, with the port unless it is the scheme's usual one."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url_with_path(self) -> str:
        """The URL as it was requested, with its path if that is not `/`."""
        return self.url + (self.path if self.path != "/" else "")

    @property
    def connection(self) -> Connection:
        """The bytes that the application sends."""
        layers = request_layers(self.scheme, self.host, self.port, self.method, self.path, dict(self.headers))
        return Connection(self.host, self.port, layers)
