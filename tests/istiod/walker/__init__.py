"""Follows a request through Envoy configuration, as Envoy's documentation describes; shares no code with the product."""
