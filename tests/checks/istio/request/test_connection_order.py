"""Several services on one port: which listener and filter chain takes a connection.

Source: Envoy, "Listener filter chain match"; Istio `buildSidecarOutboundListeners`.
"""

from typing import Any

from tests.checks.istio.request.sent import SHOP, arrives, entry, made, to

PORT = 9000


def tcp(host: str, protocol: str = "TCP", port: int = PORT, **spec: Any) -> dict[str, Any]:
    """A ServiceEntry for a protocol that is not HTTP."""
    ports = [{"number": port, "name": protocol.lower(), "protocol": protocol}]
    return entry(host, ports=ports, **spec)


def test_a_listener_of_the_address_comes_before_that_of_every_address() -> None:
    every = tcp("every.example", age="20d")
    own = tcp("own.example", addresses=["192.0.2.10"], at="new.example")
    assert arrives(every, own, url=f"tcp://192.0.2.10:{PORT}") == f"new.example:{PORT}"
    assert arrives(every, own, url=f"tcp://192.0.2.11:{PORT}") == f"every.example:{PORT}"


def test_the_chain_of_the_smaller_range_takes_a_connection() -> None:
    wide = tcp("wide.example", addresses=["198.51.0.0/16"], at="old.example", age="20d")
    narrow = tcp("narrow.example", addresses=["198.51.100.0/24"], at="new.example")
    assert arrives(wide, narrow, url=f"tcp://198.51.100.7:{PORT}") == f"new.example:{PORT}"
    assert arrives(wide, narrow, url=f"tcp://198.51.7.7:{PORT}") == f"old.example:{PORT}"


def test_the_chain_of_the_longer_wildcard_takes_a_server_name() -> None:
    rules = [
        {"match": [{"sniHosts": ["*.example"]}], "route": [to("old.example", 443)]},
        {"match": [{"sniHosts": ["*.shop.example"]}], "route": [to("new.example", 443)]},
    ]
    routing = made("VirtualService", "names", {"hosts": ["*.example"], "tls": rules})
    secure = [entry(each, port=443) for each in ("old.example", "new.example")]
    known = entry("*.example", port=443, resolution="NONE")
    assert arrives(known, *secure, routing, url="https://www.shop.example") == "new.example:443"
    assert arrives(known, *secure, routing, url="https://www.example") == "old.example:443"


def test_mysql_shares_its_port_with_no_other_service() -> None:
    """Its server speaks first, so that Envoy must not wait for a server name."""
    database, secure = tcp("db.example", "MySQL", 3306, age="20d"), tcp("secure.example", "TLS", 3306)
    assert arrives(database, secure, url="tls://secure.example:3306") == "db.example:3306"


def test_a_sidecars_listener_for_a_port_takes_no_services_of_its_other_entries() -> None:
    port = {"number": PORT, "protocol": "TLS", "name": "tls"}
    egress = [{"port": port, "hosts": ["./*"]}, {"hosts": ["*/*"]}]
    sidecar = made("Sidecar", "listener", {"egress": egress})
    own, foreign = tcp("own.example", "TLS"), tcp("foreign.example", "TLS", namespace="team-b")
    assert arrives(own, foreign, sidecar, url=f"tls://own.example:{PORT}") == f"own.example:{PORT}"
    found = arrives(own, foreign, sidecar, url=f"tls://foreign.example:{PORT}")
    assert found == "outbound traffic to unknown hosts is blocked"


def test_http_is_taken_at_every_address_also_if_its_service_has_one() -> None:
    addressed = entry(SHOP, port=8081, addresses=["192.0.2.10"])
    assert arrives(addressed, url=f"http://{SHOP}:8081") == f"{SHOP}:8081"


def test_an_address_that_istiod_allocated_counts_only_with_dns_capture() -> None:
    allocated = tcp(SHOP)
    allocated["status"] = {"addresses": [{"value": "240.240.0.5", "host": SHOP}]}
    assert arrives(allocated, url=f"tcp://{SHOP}:{PORT}") == f"{SHOP}:{PORT}"
