"""A sweep: its definition, its checks, its objectives and how its trials are evaluated."""
