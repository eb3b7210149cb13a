"""Data beside the rollouts: off-policy components and recorded demonstrations."""
