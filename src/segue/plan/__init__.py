"""Descriptions: what a trial is and what a sweep is, as values without running state."""
