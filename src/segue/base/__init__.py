"""Helpers that know nothing of reinforcement learning: files, locks, checks of single values,
suggestions.
"""
