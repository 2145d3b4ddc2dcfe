"""Real Envoys with the configuration that istiod pushes, to check the walker: what clients and access logs show."""
