"""Why the gateway does not take a request that arrives at it, or does not forward it."""
