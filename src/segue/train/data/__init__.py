"""Data in addition to the rollouts: off-policy components and recorded demonstrations."""
