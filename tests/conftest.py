"""What holds for all tests."""

from hypothesis import HealthCheck, settings

import tests.alembic_once  # noqa: F401

# A busy machine is not a fault.
settings.register_profile("segue", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("segue")
