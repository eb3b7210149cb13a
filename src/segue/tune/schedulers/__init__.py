"""Schedulers over a study: which trials continue, and which stages end."""
