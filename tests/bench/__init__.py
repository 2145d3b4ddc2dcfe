"""Measurements, written to docs/benchmarks.md by `make bench`.

They are medians and ratios, because durations vary.
"""
