"""Generated meshes, the same ones for the same seed.

They are canonical egress configurations with their routing fields changed.
"""
