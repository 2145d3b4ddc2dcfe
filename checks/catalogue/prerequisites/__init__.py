"""Prerequisites, as Azure returns them.

They concern the cluster, the Istio add-on, the static egress gateway feature and the mesh profile.
"""
