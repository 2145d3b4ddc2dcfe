"""The recent requests of a gateway by host, from counters and access logs."""
