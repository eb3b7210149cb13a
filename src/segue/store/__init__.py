"""Runs in an object store: objects that are read and written whole, and mirrored folders."""
