"""Helpers without reinforcement learning: files, locks, checks of single values, suggestions."""
