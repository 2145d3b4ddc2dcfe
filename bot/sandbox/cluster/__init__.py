"""A loopback API server with the objects of one cluster, for the demo and for tests."""
