"""What runs in a worker: one trial, its reports, and its end when the worker is preempted."""
