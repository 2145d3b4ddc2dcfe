"""Typed readings of raw manifests, and where each comes from."""
