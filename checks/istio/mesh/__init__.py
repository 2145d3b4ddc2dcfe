"""Istio's objects as istiod reads them: configuration of the mesh, services, visibility, and what one proxy imports."""
