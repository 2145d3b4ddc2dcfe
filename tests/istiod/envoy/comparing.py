"""Compares real Envoys with the walker, one mesh at a time.

Each request is sent once or a few times, and what was seen is compared with the walker's answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from tests.istiod.asking import Json
from tests.istiod.envoy.bootstrap import Bootstrap, Unusable
from tests.istiod.envoy.certificates import Authorities
from tests.istiod.envoy.client import Interception, Reply, sent
from tests.istiod.envoy.names import Names
from tests.istiod.envoy.running import Envoy, NotStarted
from tests.istiod.envoy.servers import Servers
from tests.istiod.meshes.draft import healthy
from tests.istiod.product import Resolved
from tests.istiod.question import Question, connection_of, excluded, public_address
from tests.istiod.recorded import Configured
from tests.istiod.router import RoutedProduct
from tests.istiod.walker.configuration import ProxyConfiguration
from tests.istiod.walker.network import Network, is_address
from tests.istiod.walker.outcome import Answer, Share
from tests.istiod.walker.walk import Mesh

# No flag, all attempts failed (beside the reason), and a reset by the server, which decides itself how it closes.
_BESIDE = {"-", "", "None", "URX", "UR"}
_PORTS = (80, 443, 3128, 5432, 8080, 8443, 9090)
_ATTEMPTS = 6  # of a request whose answer is left to chance
_ADMIN, _OUTBOUND = 19000, 15001


@dataclass(frozen=True, slots=True)
class Compared:
    """A request with both answers."""

    question: Question
    result: str  # agrees, differs, flag differs, not compared, not predicted, prediction differs
    kind: str
    expected: str
    seen: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A reply, the server that was reached, and the access log entries of each proxy."""

    reply: Reply
    arrival: str
    entries: tuple[tuple[str, Json], ...]

    def flags(self, proxy: str) -> set[str]:
        """The response flags that a proxy logged."""
        found = {flag for name, entry in self.entries if name == proxy for flag in str(entry["flags"] or "").split(",")}
        return found - _BESIDE

    def __str__(self) -> str:
        logged = "; ".join(
            f"{name.partition('/')[2][:12]} {entry['code']} {entry['flags']} {entry['details'] or entry['closed'] or ''}"
            f" {entry['cluster'] or ''} {entry['failure'] or ''}".rstrip()
            for name, entry in self.entries
        )
        return f"{self.reply.status or self.reply.problem} {self.arrival} [{logged}]"


class Lane:
    """Runs meshes, one after another."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._authorities = Authorities(folder)
        self._problems: dict[str, str] = {}

    def problems(self, mesh: Configured) -> Iterator[str]:
        """Why a mesh was not run."""
        if mesh.identity in self._problems:
            yield self._problems[mesh.identity]

    def compare(self, configured: Configured) -> Iterator[Compared]:
        """Each request of a mesh."""
        cluster = configured.cluster
        answers = cluster.answers(configured.pushed)
        mesh = cluster.mesh(configured.pushed)
        router = RoutedProduct(replace(healthy(), objects=configured.objects), configured.questions[0].gateway)
        with ExitStack() as stack:
            try:
                running = self._started(configured, mesh, answers, stack)
            except (NotStarted, Unusable) as problem:
                self._problems[configured.identity] = str(problem)
                return
            for question, answer in zip(configured.questions, answers, strict=True):
                clients = cluster.clients(question)
                if len(clients) != 1 or excluded(clients[0].pod, connection_of(question, clients[0], mesh)):
                    yield Compared(question, "not compared", "no sidecar", "", "")
                    continue
                connection = connection_of(question, clients[0], mesh)
                port = running.outbound[id(mesh.proxies[clients[0].address])]
                interception = Interception(port, clients[0].address, (connection.address, connection.port))
                stack.callback(interception.close)
                attempts = _ATTEMPTS if len({_end(share) for share in answer.shares}) > 1 else 1
                seen = [running.seen(question, interception.port) for _ in range(attempts)]
                yield _predicted(_compared(question, answer, seen, mesh.network), answer, router.resolve(question))

    def _started(self, configured: Configured, mesh: Mesh, answers: Sequence[Answer], stack: ExitStack) -> Running:
        wanted: dict[int, tuple[ProxyConfiguration, list[str]]] = {}
        for address, configuration in mesh.proxies.items():
            wanted.setdefault(id(configuration), (configuration, []))[1].append(address)
        envoys: dict[str, Envoy] = {}
        outbound: dict[int, int] = {}
        for number, (key, (configuration, addresses)) in enumerate(wanted.items()):
            sidecar = configuration.kind == "sidecar"
            outbound[key] = _OUTBOUND + 10 * number
            pushed = configured.pushed["proxies"][configuration.name]
            made = Bootstrap(pushed, configuration.identity, addresses, self._authorities, _resolver(mesh.network))
            name = f"envoy-{number}"
            log = self._folder / f"{name}.log"
            log.unlink(missing_ok=True)
            bootstrap = made.written(log, outbound=outbound[key] if sidecar else None, admin=_ADMIN + number)
            envoys[configuration.name] = Envoy(self._program, bootstrap, self._folder, name)
            stack.callback(envoys[configuration.name].stop)
        names = Names(_resolver(mesh.network))
        stack.callback(names.close)
        addresses_outside = _outside(configured, mesh.network, answers)
        hosts = {each.host for each in configured.questions} | {"*.bank.example", "*.example"}
        servers = Servers(self._authorities, self._folder, hosts)
        stack.callback(servers.close)
        servers.listen(addresses_outside - set(mesh.proxies), _PORTS)
        for each in envoys.values():
            each.wait()
        return Running(envoys, outbound, servers, self._authorities.bundle)


@dataclass(frozen=True, slots=True)
class Running:
    """The Envoys and servers of one mesh."""

    envoys: dict[str, Envoy]
    outbound: dict[int, int]
    servers: Servers
    bundle: Path

    def seen(self, question: Question, port: int) -> Seen:
        """One request sent, and everything that it left behind."""
        for each in self.envoys.values():
            each.entries()
        self.servers.arrivals.clear()
        reply = sent(question, port, self.bundle)
        ends = time.monotonic() + 0.6
        entries: list[tuple[str, Json]] = []
        while True:
            entries += [(name, entry) for name, envoy in self.envoys.items() for entry in envoy.entries()]
            if entries or time.monotonic() > ends:
                break
            time.sleep(0.01)
        time.sleep(0.05)
        entries += [(name, entry) for name, envoy in self.envoys.items() for entry in envoy.entries()]
        return Seen(reply, " ".join(dict.fromkeys(self.servers.arrivals)), tuple(entries))


def _resolver(network: Network) -> Callable[[str], str | None]:
    def resolve(host: str) -> str | None:
        if is_address(host):
            return host
        return network.resolve(host) or (None if host.endswith((".cluster.local", ".svc")) else public_address(host))

    return resolve


def _outside(configured: Configured, network: Network, answers: Sequence[Answer]) -> set[str]:
    """The addresses at which servers listen.

    They are those of hosts, of endpoints, and of destinations that are expected.
    """
    hosts = {each.host for each in configured.questions}
    hosts |= {
        share.destination.rpartition(":")[0] for answer in answers for share in answer.shares if share.destination
    }
    for pushed in configured.pushed["proxies"].values():
        for cluster in pushed["clusters"]:
            for group in cluster.get("load_assignment", {}).get("endpoints", ()):
                found = (each["endpoint"]["address"].get("socket_address") for each in group.get("lb_endpoints", ()))
                hosts |= {socket["address"] for socket in found if socket}
    resolve = _resolver(network)
    found_addresses = {resolve(host) for host in hosts}
    return {each for each in found_addresses if each is not None and not each.startswith("127.")}


def _end(share: Share) -> tuple[object, ...]:
    return (share.status, share.destination, share.outcome == "fails")


def _compared(question: Question, answer: Answer, seen: Sequence[Seen], network: Network) -> Compared:
    matching = [share for each in seen for share in answer.shares if _same(share, each, network)]
    expected = " | ".join(dict.fromkeys(f"{share.answer} [{share.flag}] {share.detail}" for share in answer.shares))
    shown = " | ".join(dict.fromkeys(str(each) for each in seen))
    kind = f"{question.scheme} {answer.outcome} {answer.code}"
    if any(not any(_same(share, each, network) for share in answer.shares) for each in seen):
        return Compared(question, "differs", kind, expected, shown)
    if any(_other_flag(share, each) for each in seen for share in matching if _same(share, each, network)):
        return Compared(question, "flag differs", f"{kind} {_flags(seen, matching)}", expected, shown)
    return Compared(question, "agrees", kind, expected, shown)


def _predicted(compared: Compared, answer: Answer, resolved: Resolved) -> Compared:
    """The comparison with the router's prediction.

    It is kept if the router predicts the same outcome and status as the walker that Envoy agrees with.
    """
    if compared.result == "differs":
        return compared
    if resolved.outcome == "unknown":
        return replace(compared, result="not predicted", expected=resolved.answer)
    same = resolved.outcome == answer.outcome and (answer.outcome != "fails" or resolved.status == answer.status)
    predicted = f"{resolved.outcome} {resolved.status}: {resolved.answer}"
    return compared if same else replace(compared, result="prediction differs", expected=predicted)


def _same(share: Share, seen: Seen, network: Network) -> bool:
    if share.outcome in ("through", "bypasses") or share.code == "elsewhere":
        host, _, port = share.destination.rpartition(":")
        return seen.reply.arrived and seen.arrival == f"{_resolver(network)(host)}:{port}"
    if share.code == "loop":
        return not seen.reply.arrived  # it ends when headers, connections or patience run out
    if seen.reply.grpc_status is not None:
        aborted = share.status == 200  # by a fault with a gRPC status
        return aborted or (share.status is not None and seen.reply.grpc_status == _GRPC.get(share.status, 2))
    return seen.reply.status == share.status


# The status that a gRPC client gets for an HTTP error: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
_GRPC = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}


def _other_flag(share: Share, seen: Seen) -> bool:
    """Whether the proxy that decided logged other flags.

    A proxy without an entry in its log has nothing to compare.
    """
    if share.code == "loop" or share.proxy not in {name for name, _ in seen.entries}:
        return False
    return ({share.flag} if share.flag else set()) != seen.flags(share.proxy)


def _flags(seen: Sequence[Seen], shares: Sequence[Share]) -> str:
    found = {flag for each in seen for share in shares for flag in each.flags(share.proxy)}
    return f"{'/'.join(sorted({share.flag for share in shares})) or '-'} → {'/'.join(sorted(found)) or '-'}"
