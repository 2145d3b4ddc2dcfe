"""Istio's objects as istiod reads them.

The package holds the mesh's configuration, its services, their visibility, and what one proxy imports.
"""
