"""What holds for all tests."""

from hypothesis import HealthCheck, settings

from tests.alembic_once import run_alembic_once

run_alembic_once()
# A busy machine is not a fault.
settings.register_profile(
    "segue", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("segue")
