"""Schedulers over a study: which trials go on, which stages end."""
