"""The results of a sweep, read from its study and its run directory."""
