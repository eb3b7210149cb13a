"""Points of a sweep's space: its corners, those that are pinned, and those that are typed."""
