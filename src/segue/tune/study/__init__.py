"""The Optuna study of a sweep, and the searcher that fills it."""
