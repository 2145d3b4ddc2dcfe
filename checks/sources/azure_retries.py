"""Azure's retry policy: each pause is limited, and throttled requests are repeated.

The policy of azure-core 1.x waits as long as Retry-After says, whatever time-out the request has, and gives a throttled
request up after as many attempts as a failed one.
"""

from time import monotonic
from typing import Any

from azure.core.pipeline.policies import RetryPolicy

LONGEST_PAUSE = 20.0
"""Seconds of Retry-After above which a request fails at once."""


class BoundedRetryPolicy(RetryPolicy[Any, Any]):
    """Retries only if Retry-After is within the request's time-out.

    A response with Retry-After does not count as a failed attempt: Azure's limit is shared by all workers, so that the next
    attempt may be refused as well (docs/scaling.md#azures-limits).
    """

    def is_retry(self, settings: dict[str, Any], response: Any) -> bool:
        until = settings.setdefault("until", monotonic() + settings["timeout"])
        pause = self.get_retry_after(response) or 0.0
        return pause < min(LONGEST_PAUSE, until - monotonic()) and super().is_retry(settings, response)

    def increment(self, settings: dict[str, Any], response: Any = None, error: Exception | None = None) -> bool:
        if error is None and self.get_retry_after(response):
            return True
        return super().increment(settings, response, error)
