"""A connection at a listener of a proxy: filter chain, TLS, authorization, TCP proxy.

Source: Envoy, "Life of a request"."""

from dataclasses import replace

from checks.istio.proxy.listeners import EnvoyListener, FilterChain, Provenance, TcpProxy
from checks.istio.request.authorization import DownstreamPeer, denied_by
from checks.istio.request.connection_manager import http_decisions
from checks.istio.request.forwarding import Arrival, Decisions, Forwarded
from checks.istio.request.matching import NotModelled
from checks.istio.request.outcome import ConfigurationPart, Ending
from checks.istio.request.tls_sessions import awaited_secret, handshake_problem
from checks.istio.request.wire import Connect, Connection, Http, Tls


def listener_decisions(arrival: Arrival, listener: EnvoyListener) -> Decisions:
    """The decisions of a proxy about a connection that one of its listeners accepts.

    Raises NotModelled.
    """
    here, connection = arrival.at, arrival.connection
    listener = here.patches.without_removed_chains(listener, connection.port)
    chain = selected_chain(listener, connection)
    changing = here.patches.changing_connection(listener, connection.port, chain)
    if changing is not None:
        raise NotModelled(f"{changing.ref} changes the configuration of {here.name}")
    if chain is None:
        yield arrival.fails(Ending.NO_FILTER_CHAIN, f"no filter chain of {listener.name} matches", flag="NR")
        return
    step = arrival.step(ConfigurationPart.LISTENER, listener.name, chain.origin)
    for each in _chain(arrival, chain):
        yield each.after(step)


def selected_chain(listener: EnvoyListener, connection: Connection) -> FilterChain | None:
    """The filter chain of a connection.

    A name stands for any address outside the ranges of the chains.
    """
    return listener.chain_for(
        connection.address,
        _server_name(connection),
        tls=isinstance(connection.outermost, Tls),
        plain_http=isinstance(connection.outermost, Http | Connect),
    )


def _server_name(connection: Connection) -> str:
    return connection.outermost.server_name if isinstance(connection.outermost, Tls) else ""


def _chain(arrival: Arrival, chain: FilterChain) -> Decisions:
    seen, identity = _server_name(arrival.connection), ""
    if chain.tls is not None:
        session = arrival.connection.outermost
        if not isinstance(session, Tls):
            yield arrival.fails(Ending.PLAIN_TO_TLS_SERVER, "plain text arrives at a TLS server")
            return
        secret = awaited_secret(chain.tls, arrival.at)
        if secret:
            yield arrival.fails(Ending.LISTENER_WAITS, f"the listener waits for Secret {secret}", flag="UF")
            return
        problem = handshake_problem(chain.tls, session, arrival.at)
        if problem:
            yield arrival.fails(Ending.HANDSHAKE, problem)
            return
        identity = session.identity
        arrival = arrival.carrying(arrival.connection.inside())
    if isinstance(chain.target, TcpProxy):
        yield from _tcp(arrival, chain.target, chain.origin, seen, identity)
    else:
        yield from http_decisions(arrival, chain.target, (seen, identity) if chain.tls is not None else None)


def _tcp(arrival: Arrival, target: TcpProxy, origin: Provenance, server_name: str, identity: str) -> Decisions:
    connection = arrival.connection
    peer = DownstreamPeer(arrival.source, connection.address, connection.port, server_name, identity, None)
    # A sidecar checks only what arrives for its own application.
    denied = denied_by(arrival.at.policies, peer, arrival.at.authorizers) if arrival.at.proxy.gateway else None
    if denied is not None:
        yield arrival.fails(Ending.CONNECTION_DENIED, f"{denied.ref} denies the connection", flag="RBAC", origin=denied)
        return
    total = sum(weight for _, weight in target.clusters)
    for name, weight in target.clusters:
        moved = connection
        if target.tunnel:
            moved = replace(connection, layers=(Connect(target.tunnel, target.tunnel_post), *connection.layers))
        resolved = server_name if target.dynamic else ""
        yield Forwarded(name, moved, target.rule or origin, server_name=resolved).of(100 * weight / total)
