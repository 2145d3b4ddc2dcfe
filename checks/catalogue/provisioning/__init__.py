"""Provisioning: Deployment, Service, pods and what may keep them from coming up."""
