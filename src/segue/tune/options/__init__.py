"""The options of `segue run`, and what each of them checks."""
