"""A training pipeline: its stages, settings, schedules and data."""
