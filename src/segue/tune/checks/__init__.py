"""Checks of a sweep before anything of it is written or started."""
