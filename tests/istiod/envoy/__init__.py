"""Real Envoys with the configuration that istiod pushes.

They check the walker by what clients and access logs show.
"""
