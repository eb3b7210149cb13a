"""What holds for all tests."""

import tests.alembic_once  # noqa: F401
