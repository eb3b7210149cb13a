"""Scheduling rules of Segue's own, and how values change between generations."""
