"""Why a request does not get from the client through its sidecar to the gateway."""
