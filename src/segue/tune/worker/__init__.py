"""What runs in a worker: one trial, and its end when the worker is taken away."""
