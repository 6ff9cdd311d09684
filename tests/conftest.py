"""What holds for all tests: no property fails because the machine is busy (speed belongs into benchmarks)."""

from hypothesis import HealthCheck, settings

settings.register_profile("slipway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slipway")
