"""The judge (docs/architecture.md#judge): istiod's own code over generated meshes, followed request by request."""
