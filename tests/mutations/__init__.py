"""Damaged run directories: whatever is wrong in them, no reader ends with a traceback or hangs."""
