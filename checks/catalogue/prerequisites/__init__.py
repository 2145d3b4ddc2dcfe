"""Prerequisites: cluster, Istio add-on, static egress gateway feature and mesh profile, as Azure returns them."""
