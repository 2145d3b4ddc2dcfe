"""Property tests say what holds, not how fast this machine is: no example has a time limit of its own."""

from hypothesis import HealthCheck, settings

settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
