"""The definition of a fault of a route, and the broken request that shows it."""
