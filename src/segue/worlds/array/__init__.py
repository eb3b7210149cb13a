"""Environments as array programs: all lanes in one set of numpy operations."""
