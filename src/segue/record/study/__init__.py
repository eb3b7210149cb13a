"""What the Optuna study of a run records: its attributes, its trials, and what people requested."""
