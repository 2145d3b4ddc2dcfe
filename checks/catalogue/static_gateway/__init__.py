"""Static gateway: the configuration, its prefix, its node pool and the data plane."""
