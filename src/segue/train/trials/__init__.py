"""Trials in their directories: their rows, logs and checkpoints, and attempts that resume them."""
