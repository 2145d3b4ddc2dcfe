"""Why the gateway does not reach the destination of a request."""
