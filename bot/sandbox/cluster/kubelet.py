"""The behaviour of the kubelet and of the controllers behind a loopback API server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ANSWER = "20.50.60.1\n{id} 0 200 0.420000 0.010000 0.020000 \n"
"""The log of a probe that left by the egress IP prefix of the test clusters."""


@dataclass
class Kubelet:
    """The behaviour of the kubelet and of controllers.

    It is a value: the log that a probe writes, or what keeps it from running. `log` contains {id} in place of the plan's ID.
    `refusal` answers the change, `lost` makes it and closes the connection. `waiting` is (reason, message) of the
    container, `events` and `job_events` are (reason, message). With `restarted_log`, a restart replaces the pods, and
    their probes write this log. `gateway_log` is the log of probes from a gateway pod, if it differs until the restart.
    """

    log: str = ANSWER
    seconds: float = 0.0
    refusal: tuple[int, str] | None = None
    lost: bool = False
    waiting: tuple[str, str] | None = None
    unscheduled: str = ""
    events: tuple[tuple[str, str], ...] = ()
    job_events: tuple[tuple[str, str], ...] = ()
    log_status: int = 200
    stuck: str = ""
    restarted_log: str = ""
    gateway_log: str = ""
    terminated: Mapping[str, Any] = field(default_factory=lambda: {"exitCode": 0, "reason": "Completed"})
