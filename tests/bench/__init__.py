"""Measurements, written to docs/benchmarks.md by `make bench`.

Medians and ratios, because durations vary.
"""
