"""Provisioning: the gateway's Deployment, Service and pods, and the faults that block them."""
