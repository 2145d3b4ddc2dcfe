"""The question that a run answers, and parsing of typed gateways, hosts and clients."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from checks.model.value_types import value

_NAME = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")


class BadQuestion(ValueError):
    """Invalid input; the message says what was expected, `nearest` are similar valid values."""

    def __init__(self, message: str, nearest: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.nearest = tuple(nearest)


@value(frozen=True, slots=True)
class ClusterIdentity:
    """The names of a cluster: the configured name and Azure's names.

    Azure's are name, resource group and subscription ("" if unknown). `context` is the kubectl context that reaches it,
    "" if it is not known (docs/contract.md#kubectl-context).
    """

    name: str
    aks_name: str = ""
    resource_group: str = ""
    subscription: str = ""
    context: str = ""

    def in_recorded_context(self, recorded: str) -> "ClusterIdentity":
        """The same cluster with the kubectl context of a recording, if no other one is configured."""
        return self if self.context or not recorded else replace(self, context=recorded)


def _every_gateway(_gateway: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Question:
    """A cluster, a gateway, and optionally a host and its client.

    The gateway has a name (and namespace); the client requests the host.
    """

    cluster: ClusterIdentity
    gateway: str
    namespace: str | None = None
    host: str | None = None
    """In the canonical text of requested_host.py."""
    client: str | None = None
    """`NAMESPACE` or `NAMESPACE/WORKLOAD`."""
    may_name: Callable[[str], bool] = field(default=_every_gateway, compare=False, repr=False)
    """Whether the answer may name another gateway (`NAMESPACE/NAME`)."""

    def nameable(self, gateways: Iterable[str]) -> list[str]:
        """Those gateways of a cluster that the answer may name, for suggestions and lists."""
        return [each for each in gateways if self.may_name(each)]

    def name_of(self, gateway: str) -> str:
        """The name of a gateway that a finding is about, if the answer may contain it."""
        return gateway if self.may_name(gateway) else "another gateway"

    @property
    def client_namespace(self) -> str:
        """The namespace of the client, "" without one."""
        return (self.client or "").partition("/")[0]

    @property
    def client_workload(self) -> str:
        """The workload of the client, "" for all of its namespace."""
        return (self.client or "").partition("/")[2]


@dataclass(frozen=True, slots=True)
class GatewayName:
    """The name of a gateway in lower case; `namespace` is None if only the name was given."""

    namespace: str | None
    name: str


def parse_cluster_name(typed: str) -> str:
    """Parse the cluster name of a run over a bundle: any printable name. Raises BadQuestion."""
    name = typed.strip()
    if not name or not name.isprintable() or len(name) > 253:
        raise BadQuestion(f"{typed!a} is not a cluster name: expected up to 253 printable characters")
    return name


def parse_gateway_name(typed: str, namespace: str | None = None) -> GatewayName:
    """Parse `name` or `namespace/name`; `namespace` is the value of the option.

    The letters become lower case, as in every name of a namespace and of a Service. Raises BadQuestion.
    """
    before, slash, after = typed.strip().partition("/")
    parts = (before, after) if slash else (namespace or "", before)
    if "/" in parts[1] or not parts[1] or (slash and not parts[0]):
        raise BadQuestion(f'"{typed}" is not a gateway: expected NAME or NAMESPACE/NAME')
    if slash and namespace and namespace.lower() != parts[0].lower():
        raise BadQuestion(f'"{typed}" and namespace {namespace} contradict each other: give only one')
    for part in (each for each in parts if each):
        if not _NAME.match(part) or len(part) > 253:
            raise BadQuestion(f'"{part}" is not a Kubernetes name: expected only letters, digits, "-" and "."')
    return GatewayName(parts[0].lower() or None, parts[1].lower())


def parse_client(typed: str) -> str:
    """Parse NAMESPACE or NAMESPACE/WORKLOAD, in lower case. Raises BadQuestion."""
    parts = typed.strip().split("/")
    if len(parts) > 2 or not all(_NAME.match(part) for part in parts):
        raise BadQuestion(f'"{typed}" is not a client: expected NAMESPACE or NAMESPACE/WORKLOAD')
    return "/".join(parts).lower()
