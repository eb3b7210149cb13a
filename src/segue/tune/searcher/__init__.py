"""Tune's searcher, which hands out the trials of a study, and what decides which comes next."""
