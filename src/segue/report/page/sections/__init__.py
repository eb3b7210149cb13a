"""Sections of the report: which figures, tables and texts each has, and their order."""
