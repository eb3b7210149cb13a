"""Figures of trials that were stopped or paused, and of what was expected of them."""
