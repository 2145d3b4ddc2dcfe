"""Azure's retry policy with a limit on each pause.

The policy of azure-core 1.x waits as long as Retry-After says, whatever time-out the request has.
"""

from typing import Any

from azure.core.pipeline.policies import RetryPolicy

LONGEST_PAUSE = 20.0
"""Seconds of Retry-After above which a request fails at once."""


class BoundedRetryPolicy(RetryPolicy[Any, Any]):
    """Retries only if Retry-After is within the request's time-out."""

    def is_retry(self, settings: dict[str, Any], response: Any) -> bool:
        pause = self.get_retry_after(response) or 0.0
        return pause < min(LONGEST_PAUSE, settings["timeout"]) and super().is_retry(settings, response)
