"""Istio: the control plane, the proxies, and the way of a request to its host."""
