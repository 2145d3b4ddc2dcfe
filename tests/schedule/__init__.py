"""A day of a fleet in a few minutes, with a virtual clock.

The schedule is the product's own code over a real Redis. Workers, clusters and Azure's request limits are simulated.
"""
