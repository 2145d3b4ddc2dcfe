"""The part `workers` of `egress-diag doctor`."""
