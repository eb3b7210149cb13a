"""Criteria that end a stage before its step limit."""
