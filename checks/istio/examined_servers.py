"""The servers of Gateways that a run examines, and their hosts."""

from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import common_host, examined_hosts, server_hosts
from checks.istio.faults.resolved_routes import hosts_through
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.model.findings import Involved


def is_examined(facts: Facts, server: GatewayServer) -> bool:
    """Whether a server is for a host of the run; without a host every server is."""
    return not facts.question.host or bool(hosts_in_run(facts, server))


def hosts_in_run(facts: Facts, server: GatewayServer) -> list[str]:
    """The hosts of the run for which a server is, else its own."""
    own = server_hosts(server)
    found = [host for host in examined_hosts(facts) if any(common_host(host, each) for each in own)]
    return found or ([] if facts.question.host else list(own))


def is_routed(facts: Facts, server: GatewayServer) -> bool:
    """Whether the routes of all its hosts go through the gateway in spite of the server."""
    return set(hosts_in_run(facts, server)) <= hosts_through(facts)


def server_field(server: GatewayServer, field: str) -> str:
    """The path of a server's field in its Gateway."""
    return server.field(field)


def involved_hosts(facts: Facts, server: GatewayServer) -> list[Involved]:
    """The hosts of the run for which a server is, as a finding about the server names them."""
    return hosts_of_servers(hosts_in_run(facts, server))


def hosts_of_servers(hosts: list[str]) -> list[Involved]:
    """The hosts and their servers, as a finding about servers names them.

    A route that is broken elsewhere shares the host with a Gateway, but not the server.
    """
    return [Involved(kind, host) for host in hosts for kind in ("host", "server")]
