"""The Optuna study of a sweep: where it is stored, and the one writer of its trials."""
