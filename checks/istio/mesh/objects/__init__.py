"""Hosts and routing rules of Istio objects, which the mesh and the Gateway API share."""
