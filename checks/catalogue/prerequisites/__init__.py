"""Prerequisites: the cluster, the add-on, static egress and the gateway, as Azure has them."""
