"""Prerequisites, as Azure returns them.

Cluster, Istio add-on, static egress gateway feature and mesh profile.
"""
