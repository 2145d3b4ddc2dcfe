"""The part `slack` of `egress-diag doctor`."""
