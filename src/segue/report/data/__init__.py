"""Data of a report, read from a run directory.

It consists of trials, curves, held-out results and statistics.
"""
