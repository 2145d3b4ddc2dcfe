"""Typed views of raw manifests, each with the API call that it is read from."""
