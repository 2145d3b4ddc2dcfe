"""The judge: istiod's own code over generated meshes, its Envoy configuration followed request by request (docs/judge.md)."""
