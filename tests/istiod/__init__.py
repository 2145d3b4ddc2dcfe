"""The judge: istiod's own code over generated meshes.

Each request is followed through istiod's configuration (docs/judge.md#judge).
"""
