"""Hosts and routing rules of Istio objects, shared by the mesh and the conversion of the Gateway API."""
