"""What came out of a sweep, read back from its study and its run directory."""
