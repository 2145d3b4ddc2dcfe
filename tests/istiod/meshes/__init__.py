"""Generated meshes: canonical egress configurations with their routing fields changed, the same ones for the same seed."""
