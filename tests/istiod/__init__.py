"""The judge: istiod's own code over generated meshes.

Each request is followed through istiod's configuration (docs/architecture.md#judge).
"""
