"""Segue: hyperparameter sweeps over staged reinforcement-learning pipelines."""
