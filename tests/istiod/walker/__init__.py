"""Follows a request through Envoy configuration, as Envoy's documentation describes.

The walker shares no code with the product.
"""
