"""Hosts and routing rules of Istio objects.

The mesh and the conversion of the Gateway API share them.
"""
