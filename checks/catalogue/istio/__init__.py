"""Istio: the control plane, the proxies, and the route of a request to its host."""
