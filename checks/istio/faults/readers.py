"""The readers of faults, in the order of a route."""

from checks.istio.faults.client import at_client
from checks.istio.faults.destination_name import at_destination_name
from checks.istio.faults.diagnosis import Reader
from checks.istio.faults.envoy_filter import at_envoy_filter
from checks.istio.faults.gateway_service import at_gateway_service
from checks.istio.faults.gateway_subset import at_gateway_subset
from checks.istio.faults.service_entry import at_service_entry
from checks.istio.faults.sidecar_route import at_sidecar
from checks.istio.faults.sidecar_rules import at_direct_tls, at_sidecar_rule
from checks.istio.faults.unrouted import unrouted

CLIENT_READERS: tuple[Reader, ...] = (
    at_client,
    at_destination_name,
    at_gateway_service,
    at_gateway_subset,
    at_sidecar,
    at_service_entry,
    at_direct_tls,
    at_sidecar_rule,
    at_envoy_filter,
    unrouted,
)
"""Up to the gateway's Service."""
