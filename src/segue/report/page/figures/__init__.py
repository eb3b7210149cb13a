"""Figures of the report, and the sentences that explain them."""
